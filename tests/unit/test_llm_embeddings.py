"""Vectors from an upstream, over real HTTP, and from one that does not do its part."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.errors import ProviderError, ProviderRefused, ProviderUnavailable
from app.services.llm.embeddings import (
    BATCH,
    LONGEST,
    NoVectors,
    OpenAIEmbedder,
    vectors_in,
)
from tests.support.embeddings import MODEL, Embeddings

Answer = tuple[int, bytes]


@pytest.fixture
def provider() -> Iterator[Embeddings]:
    with Embeddings({"canary"}, {"cat"}) as made:
        yield made


def embedder(provider: Embeddings, *, model: str = MODEL) -> OpenAIEmbedder:
    return OpenAIEmbedder(model=model, api_key="k", base_url=provider.base_url)


def told(*vectors: Any) -> bytes:
    return json.dumps({"data": [{"embedding": vector} for vector in vectors]}).encode()


def test_each_text_gets_its_vector_in_order_a_batch_at_a_time(
    provider: Embeddings,
) -> None:
    texts = [f"The {'cat' if n % 3 else 'canary'} {n}" for n in range(BATCH + 5)]

    found = embedder(provider).embed(texts)

    assert [len(asked) for asked in provider.asked] == [BATCH, 5]
    canary, cat = found[0], found[1]
    assert found == [cat if n % 3 else canary for n in range(len(texts))]
    assert canary != cat


def test_a_text_longer_than_models_read_is_cut(provider: Embeddings) -> None:
    embedder(provider).embed(["x" * (LONGEST + 1)])

    assert [len(text) for text in provider.asked[0]] == [LONGEST]


@pytest.mark.parametrize("suffix", ["", "/", "/embeddings", "/chat/completions"])
def test_an_address_may_be_written_as_people_copy_it(
    provider: Embeddings, suffix: str
) -> None:
    address = provider.base_url + suffix
    made = OpenAIEmbedder(model=MODEL, api_key=None, base_url=address)

    assert len(made.embed(["cat"])) == 1


def scripted(provider: Embeddings, *answers: Answer) -> Callable[[], int]:
    """Let it answer so, one after the other; returns how often it was asked."""
    left, usual, asked = list(answers), provider.answer, []

    def answer(path: str, sent: dict[str, Any]) -> Answer:
        asked.append(path)
        return left.pop(0) if left else usual(path, sent)

    provider.answer = answer  # type: ignore[assignment,method-assign]
    return lambda: len(asked)


@pytest.mark.parametrize("trouble", [(500, b"{}"), (429, b"{}"), (200, b"<html>")])
def test_what_may_pass_is_tried_again_for_documents(
    provider: Embeddings, trouble: Answer
) -> None:
    count = scripted(provider, trouble, trouble)

    assert len(embedder(provider).embed(["cat"])) == 1
    assert count() == 3


@pytest.mark.parametrize("trouble", [(500, b"{}"), (429, b"{}"), (200, b"<html>")])
def test_a_question_is_not_kept_waiting_for_it(
    provider: Embeddings, trouble: Answer
) -> None:
    count = scripted(provider, trouble)

    with pytest.raises(ProviderUnavailable):
        embedder(provider).embed(["cat"], patient=False)
    assert count() == 1


def test_a_provider_that_is_away_too_long_is_told(provider: Embeddings) -> None:
    provider.down = True

    with pytest.raises(ProviderUnavailable):
        embedder(provider).embed(["cat"])


def test_what_no_repetition_cures_is_told_at_once(provider: Embeddings) -> None:
    count = scripted(provider)

    with pytest.raises(ProviderRefused):
        embedder(provider, model="unknown").embed(["cat"])
    assert count() == 1


def test_an_address_where_nobody_is_is_told() -> None:
    nobody = OpenAIEmbedder(model="m", api_key="k", base_url="http://127.0.0.1:9/v1")

    with pytest.raises(ProviderError):
        nobody.embed(["cat"], patient=False)


def test_vectors_come_in_the_order_of_their_numbers() -> None:
    data = [
        {"index": 1, "embedding": [0, 2]},
        {"index": 0, "embedding": [2, 0]},
    ]

    first, second = vectors_in(json.dumps({"data": data}).encode(), count=2)

    assert (first, second) == (b"\0\0\x80?\0\0\0\0", b"\0\0\0\0\0\0\x80?")


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000, told(), told([1]),
        told([1], [1], [1]), told([1], [1, 2]), told([1], []), told([1], [0]),
        told([1], ["x"]), told([1], [None]), told([1], "xy"), told([1], [[1]]),
        told([1], [10**400]), told([1], [math.inf]), told([1], {"a": 1}),
        b'{"data": [1, 2]}', b'{"data": {"a": 1}}',
        b'{"data": [{"index": "a", "embedding": [1]}, {"embedding": [1]}]}',
    ],
    ids=range(22),
)  # fmt: skip
def test_anything_else_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NoVectors):
        vectors_in(answer, count=2)
