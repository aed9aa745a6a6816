"""What becomes of silent, slow, cut, mad and endless answers: rows F09 to F13."""

import json
import time

import pytest

from app.errors import (
    ProviderInterrupted,
    ProviderInvalidAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from tests.support.asking import SLACK, answer_of, failure_of, provider_for, request
from tests.support.behaviour import (
    BAD_JSON,
    EMPTY_CHOICES,
    EMPTY_TEXT,
    HTML,
    INVALID_UTF8,
    SILENT,
    Behaviour,
)
from tests.support.upstream import Upstream

# Rows F09 and F10: silence and drips


def test_a_silent_upstream_is_left_at_the_deadline(upstream: Upstream) -> None:
    upstream.always(SILENT)
    provider = provider_for(upstream, first_byte=9)
    start = time.monotonic()
    _, error = failure_of(provider, request(seconds=0.7))
    assert isinstance(error, ProviderTimeout)
    assert 0.65 < time.monotonic() - start < 0.7 + SLACK
    assert len(upstream.requests) == 1


def test_a_silent_upstream_is_left_when_the_first_byte_is_due(
    upstream: Upstream,
) -> None:
    upstream.always(SILENT)
    provider = provider_for(upstream, first_byte=0.6)
    start = time.monotonic()
    assert isinstance(failure_of(provider)[1], ProviderTimeout)
    assert 0.55 < time.monotonic() - start < 0.6 + SLACK


@pytest.mark.parametrize("text", ["Hello", "A very long story " * 50])
def test_a_dripping_upstream_is_left_at_the_deadline(
    upstream: Upstream, text: str
) -> None:
    upstream.reply(text, drip=(3, 0.05))
    provider = provider_for(upstream)
    start = time.monotonic()
    _, error = failure_of(provider, request(seconds=1))
    assert isinstance(error, ProviderTimeout)
    assert 0.95 < time.monotonic() - start < 1 + SLACK


def test_a_long_gap_ends_an_answer(upstream: Upstream) -> None:
    upstream.reply("One two three", pause=0.15, chunks=3)
    provider = provider_for(upstream, gap=0.4)
    assert answer_of(provider)[0]
    upstream.reply("One two three", pause=0.6, chunks=3)
    text, error = failure_of(provider)
    assert text == "One t"
    assert isinstance(error, ProviderTimeout)


def test_a_passed_deadline_asks_nobody(upstream: Upstream) -> None:
    _, error = failure_of(provider_for(upstream), request(seconds=-1))
    assert isinstance(error, ProviderTimeout)
    assert not upstream.requests


# Row F11: half an answer


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize("events", [2, 3, 5, 8])
def test_a_cut_answer_is_interrupted_and_keeps_its_text(
    upstream: Upstream, events: int, *, reset: bool
) -> None:
    upstream.reply("abcdefgh", chunks=8, cut_after=events, reset=reset)
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInterrupted)
    assert text == "abcdefgh"[: events - 1]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize("events", [0, 1])
def test_an_answer_cut_before_its_text_is_asked_once_more(
    upstream: Upstream, events: int, *, reset: bool
) -> None:
    upstream.reply(cut_after=events, reset=reset)
    _, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInterrupted)
    assert len(upstream.requests) == 2


def test_a_connection_closed_without_a_word_is_tried_once_more(
    upstream: Upstream,
) -> None:
    upstream.reply(dropped=True)
    assert isinstance(failure_of(provider_for(upstream))[1], ProviderUnavailable)
    assert len(upstream.requests) == 2


def test_a_stream_that_ends_without_a_reason_is_interrupted(upstream: Upstream) -> None:
    upstream.reply("Once upon", done=False, finish=None)
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInterrupted)
    assert text == "Once upon"


def test_half_an_event_is_an_interruption(upstream: Upstream) -> None:
    upstream.reply(
        body=b'data: {"choices":[{"delta":{"content":"A"}}]}\n\ndata: {"choi'
    )
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInterrupted)
    assert text == "A"


def test_an_error_in_the_middle_is_an_interruption(upstream: Upstream) -> None:
    upstream.reply(
        body=b'data: {"choices":[{"delta":{"content":"A"}}]}\n\n'
        b'data: {"error": {"message": "overloaded"}}\n\n'
    )
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInterrupted)
    assert text == "A"


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"code": 502, "message": "down"}, ProviderUnavailable),
        ({"code": 429}, ProviderRateLimited),
        ({"type": "rate_limit_exceeded"}, ProviderRateLimited),
        ({"type": "invalid_request_error"}, ProviderRefused),
        ("something", ProviderUnavailable),
    ],
)
def test_an_error_with_status_200_is_an_error(
    upstream: Upstream, reported: object, expected: type[Exception]
) -> None:
    upstream.reply(body=json.dumps({"error": reported}).encode())
    assert isinstance(failure_of(provider_for(upstream))[1], expected)


# Row F12: garbage


@pytest.mark.parametrize(
    "behaviour",
    [
        HTML,
        BAD_JSON,
        INVALID_UTF8,
        EMPTY_CHOICES,
        EMPTY_TEXT,
        Behaviour(text=" \n "),
        Behaviour(text="", finish="tool_calls"),
        Behaviour(plain=True, text=""),
        Behaviour(body=b"hello there"),
        Behaviour(body=b"42\n\n"),
        Behaviour(body=b"[]"),
        Behaviour(body=b'{"answer": "hi"}'),
        Behaviour(body=b'data: {"answer": "hi"}\n\n'),
        Behaviour(body=b'{"choices": []}'),
        Behaviour(body=b'{"choices": null}'),
        Behaviour(body=b'{"choices": [7]}'),
        Behaviour(body=b"[" * 100_000),
        Behaviour(body=b'{"choices": [{"message": {"content": 7}}]}'),
        Behaviour(body=b'{"choices": [{"message": {"content": ["x"]}}]}'),
        Behaviour(body=b'{"choices": [{"message": "x"}]}'),
        Behaviour(body=b'data: {"choices": {}}\n\n'),
        Behaviour(body=b"data: null\n\ndata: [DONE]\n\n"),
        Behaviour(body=b'data: {"choices": [{"delta": {}, "finish_reason": 7}]}\n\n'),
        Behaviour(body=b"x", headers={"Content-Encoding": "gzip"}),
        Behaviour(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        Behaviour(raw=b"HTTP/1.1 abc\r\n\r\n"),
        Behaviour(raw=b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n"),
    ],
    ids=lambda b: str(b.raw or b.body or b.text)[:30],
)
def test_garbage_is_an_invalid_answer(upstream: Upstream, behaviour: Behaviour) -> None:
    upstream.always(behaviour)
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInvalidAnswer)
    assert text == ""
    assert len(upstream.requests) == 1


def test_garbage_after_text_is_an_invalid_answer(upstream: Upstream) -> None:
    good = b'data: {"choices":[{"delta":{"content":"A"}}]}\n\n'
    upstream.reply(body=good + b"data: {oops}\n\n" + good)
    text, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderInvalidAnswer)
    assert text == "A"


# Row F13: floods


@pytest.mark.parametrize("plain", [False, True], ids=["streamed", "plain"])
@pytest.mark.parametrize("chunks", [1, 5000])
def test_a_flood_is_cut_at_the_limit(
    upstream: Upstream, chunks: int, *, plain: bool
) -> None:
    upstream.reply(flood=10, chunks=chunks, plain=plain)
    text, error = failure_of(provider_for(upstream), request(seconds=20))
    assert isinstance(error, ProviderInterrupted)
    assert text == "x" * 256 * 1024


def test_a_limit_does_not_split_a_character(upstream: Upstream) -> None:
    upstream.reply("é" * 10, chunks=3)
    text, error = failure_of(provider_for(upstream, answer_bytes=7))
    assert isinstance(error, ProviderInterrupted)
    assert text == "ééé"


@pytest.mark.parametrize(
    "raw",
    [
        b": nothing\n\n" * 400_000,
        b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n' * 80_000,
        b"data: x" * 600_000,
        b" " * 4_000_000,
    ],
    ids=["comments", "reasoning", "one line", "blanks"],
)
def test_a_flood_without_text_is_an_invalid_answer(
    upstream: Upstream, raw: bytes
) -> None:
    upstream.reply(body=raw)
    provider = provider_for(upstream, body_bytes=2_000_000, answer_bytes=1000)
    text, error = failure_of(provider)
    assert isinstance(error, ProviderInvalidAnswer)
    assert text == ""


def test_an_endless_head_is_an_invalid_answer(upstream: Upstream) -> None:
    upstream.reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000)
    assert isinstance(failure_of(provider_for(upstream))[1], ProviderInvalidAnswer)
