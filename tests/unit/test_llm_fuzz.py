"""Whatever comes, it is an answer or one of our errors."""

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import ProviderError
from app.services.llm.answer import Answer
from app.services.llm.breaker import Breaker
from app.services.llm.openai import OpenAIProvider
from app.services.llm.port import Completion, Delta
from tests.support.asking import QUICK, request
from tests.support.upstream import Upstream

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "finish_reason",
                    "usage",
                    "index",
                    "error",
                    "code",
                    "model",
                    "completion_tokens",
                    "type",
                    "text",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
CHOICE = st.fixed_dictionaries(
    {"delta": JSON | st.fixed_dictionaries({"content": JSON})},
    optional={"finish_reason": JSON, "index": JSON, "message": JSON},
)
EVENT = st.fixed_dictionaries(
    {"choices": JSON | st.lists(CHOICE, max_size=2)},
    optional={"usage": JSON, "model": JSON},
)
LINE = st.one_of(
    (JSON | EVENT).map(lambda part: b"data: " + json.dumps(part).encode()),
    st.binary(max_size=30),
    st.sampled_from([b"", b"data:", b"data: [DONE]", b": hi", b"event: error"]),
)
BODY = st.one_of(
    st.lists(LINE, max_size=6).flatmap(
        lambda lines: st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r", b"\n"]).map(
            lambda end: end.join([*lines, b""])
        )
    ),
    (JSON | EVENT).map(lambda part: json.dumps(part).encode()),
    st.binary(max_size=60),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Upstream, OpenAIProvider]]:
    with Upstream() as upstream:
        yield (
            upstream,
            OpenAIProvider(
                api_key="k",
                base_url=upstream.base_url,
                limits=QUICK,
                breaker=Breaker(failures=10**9),
            ),
        )


@settings(
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(body=BODY, status=st.sampled_from([200, 200, 200, 200, 201, 400, 422]))
def test_any_body_is_an_answer_or_a_provider_error(
    shared: tuple[Upstream, OpenAIProvider], body: bytes, status: int
) -> None:
    upstream, provider = shared
    upstream.reply(status=status, body=body)
    events = []
    try:
        events = list(provider.complete(request()))
    except ProviderError:
        return
    assert isinstance(events[-1], Completion)
    text = "".join(event.text for event in events[:-1] if isinstance(event, Delta))
    assert text.strip()
    assert text.encode()


@settings(max_examples=60, deadline=None, database=None)
@given(raw=st.binary(max_size=80), start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]))
def test_any_bytes_on_the_wire_are_an_answer_or_a_provider_error(
    shared: tuple[Upstream, OpenAIProvider], raw: bytes, start: bytes
) -> None:
    upstream, provider = shared
    upstream.reply(raw=start + raw)
    with pytest.raises(ProviderError):
        list(provider.complete(request()))


@settings(max_examples=200, deadline=None, database=None)
@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_packets_may_be_cut_anywhere(text: str, cuts: list[int], end: str) -> None:
    parts = [
        {"choices": [{"delta": {"content": piece}}]} for piece in (text[:3], text[3:])
    ]
    lines = [f"data: {json.dumps(part, ensure_ascii=False)}" for part in parts]
    body = (end * 2).join([*lines, "data: [DONE]", ""]).encode()
    edges = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    chunks = [body[a:b] for a, b in pairwise(edges)]
    answer = Answer(limit=1000)
    read = "".join([answer.feed(chunk) for chunk in [*chunks, b""]])
    assert answer.whole
    assert read == (text if text.strip() else "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_of_many_lines_may_be_cut_anywhere(end: str) -> None:
    lines = ['data: {"choices": [{"delta":', 'data: {"content": "Fine."}}]}', "", ""]
    body = end.join(lines).encode()
    for cut in range(1, len(body)):
        answer = Answer(limit=1000)
        assert answer.feed(body[:cut]) + answer.feed(body[cut:]) == "Fine."
        assert answer.trouble is None
