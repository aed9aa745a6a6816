from app.repositories.search_index import SearchIndex
from app.services.knowledge.embedding import Questions
from app.services.knowledge.evaluating import (
    EvaluationService,
    IndexOfMeaning,
    Retrieval,
)
from app.services.knowledge.retrieval import RetrievalService
from app.wiring.stores import Repositories


def build_evaluation(
    kept: Repositories, *, index: SearchIndex, questions: Questions | None
) -> EvaluationService:
    """Connect it to the search by words and, where there are vectors, its others."""

    def search(
        index: SearchIndex | IndexOfMeaning, asked: Questions | None
    ) -> Retrieval:
        return RetrievalService(
            chunks=kept.chunks, documents=kept.documents, index=index, questions=asked
        )

    searches = {"lexical": search(index, None)}
    if questions:
        searches["vector"] = search(IndexOfMeaning(index), questions)
        searches["fused"] = search(index, questions)
    return EvaluationService(searches)
