from pydantic import Field, StrictInt

from app.routes.schemas.common import FilledText, Input, Output


class Search(Input):
    query: FilledText = Field(max_length=4000)
    limit: StrictInt = Field(10, ge=1, le=50)


class PassageRead(Output):
    """``score`` is from 0 to 1; a rank is null where it was not found that way."""

    document_id: str
    filename: str
    page: int | None
    heading: str | None
    text: str
    score: float
    lexical_rank: int | None
    vector_rank: int | None
