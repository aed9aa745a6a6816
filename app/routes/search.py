from typing import Any

from apiflask import APIBlueprint

from app.models.document import Passage
from app.routes.credentials import user_auth
from app.routes.schemas.common import list_of
from app.routes.schemas.search import PassageRead, Search
from app.routes.state import current_user, services

bp = APIBlueprint("search", __name__, url_prefix="/assistants", tag="Assistants")


@bp.post("/<assistant_id>/search")
@bp.auth_required(user_auth)
@bp.input(Search, arg_name="body")
@bp.output(list_of(PassageRead))
@bp.doc(
    description=(
        "What the assistant finds for a question, best first, and why:"
        " `lexical_rank` is a passage's place among what words found, `vector_rank`"
        " among what meaning found. `score` (0-1) is what `retrieval.min_score` is"
        " held against."
    ),
    responses=[403],
)
def search(assistant_id: str, body: Search) -> list[dict[str, Any]]:
    """Search an assistant's documents, as a question would"""
    found = services().search.search(
        current_user(), assistant_id, body.query, limit=body.limit
    )
    return [_shown(passage) for passage in found]


def _shown(passage: Passage) -> dict[str, Any]:
    chunk = passage.chunk
    return {
        "document_id": chunk.document_id,
        "filename": chunk.filename,
        "page": chunk.page,
        "heading": chunk.heading,
        "text": chunk.text,
        "score": round(passage.score, 4),
        "lexical_rank": passage.lexical_rank,
        "vector_rank": passage.vector_rank,
    }
