from app.config import Settings
from app.services.llm.embeddings import OpenAIEmbedder
from app.services.llm.offline import OfflineProvider
from app.services.llm.openai import OpenAIProvider
from app.services.llm.port import Provider
from app.wiring.keys import plain


def make_provider(settings: Settings) -> Provider:
    if settings.provider == "offline":
        return OfflineProvider()
    return OpenAIProvider(
        api_key=plain(settings.openai_api_key), base_url=settings.openai_base_url
    )


def make_embedder(settings: Settings) -> OpenAIEmbedder | None:
    if settings.embedding_model is None:
        return None
    return OpenAIEmbedder(
        model=settings.embedding_model,
        api_key=plain(settings.embedding_api_key or settings.openai_api_key),
        base_url=settings.embedding_base_url or settings.openai_base_url,
    )


def describe_provider(settings: Settings) -> str:
    """Return the provider and its model, for people."""
    if settings.provider == "offline":
        return "offline (answers by quoting the documents)"
    return f"openai ({settings.openai_model})"
