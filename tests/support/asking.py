"""Asking a provider, as tests do it."""

import time
from dataclasses import replace

from app.errors import ProviderError
from app.services.llm.openai import Limits, OpenAIProvider
from app.services.llm.port import (
    Completion,
    CompletionRequest,
    Delta,
    PromptMessage,
    Provider,
)
from tests.support.upstream import Upstream

SLACK = 0.5  # seconds that a busy test machine may add
QUICK = Limits(connect=0.5, first_byte=5, gap=5, backoff=0.01)


def request(
    question: str = "How are you?",
    *,
    seconds: float = 20,
    model: str = "gpt-test",
    temperature: float | None = 0.2,
    max_tokens: int | None = 100,
) -> CompletionRequest:
    return CompletionRequest(
        model=model,
        messages=(
            PromptMessage(role="system", text="Be brief."),
            PromptMessage(role="user", text=question),
        ),
        temperature=temperature,
        max_tokens=max_tokens,
        deadline=time.monotonic() + seconds,
        assistant_name="Guide",
        instructions="Be brief.",
        question=question,
        passages=(),
    )


def provider_for(upstream: Upstream, **limits: float) -> OpenAIProvider:
    """Make a provider of the upstream, with QUICK limits but for those given."""
    quick = replace(QUICK, **limits)  # type: ignore[arg-type]
    url = upstream.base_url
    provider = OpenAIProvider(api_key="sk-made-up", base_url=url, limits=quick)
    provider.prepare()  # loading takes longer than some deadlines here
    return provider


def answer_of(
    provider: Provider, asked: CompletionRequest | None = None
) -> tuple[str, Completion]:
    *deltas, completion = provider.complete(asked or request())
    assert isinstance(completion, Completion)
    return "".join(d.text for d in deltas if isinstance(d, Delta)), completion


def failure_of(
    provider: Provider, asked: CompletionRequest | None = None
) -> tuple[str, ProviderError]:
    """Return the text that came, and the error that ended it."""
    text = ""
    try:
        for event in provider.complete(asked or request()):
            assert isinstance(event, Delta), "a whole answer came"
            text += event.text
    except ProviderError as exc:
        return text, exc
    raise AssertionError("the answer ended without a completion")
