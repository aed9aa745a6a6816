"""What our requests start with: made once by the SDK, the same for every call."""

import pytest

from app.services.llm.connect import route
from app.services.llm.sdk import request_head
from tests.support.asking import answer_of, provider_for, request
from tests.support.upstream import Upstream


def _head(key: str = "sk-a", url: str = "https://llm.test/v1") -> bytes:
    return request_head(route(url), api_key=key, base_url=url)


def test_a_head_holds_what_the_sdk_sends_and_nothing_of_one_call() -> None:
    lines = _head().split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert lines[-1] == b"Content-Length: "
    headers = {line.partition(b":")[0].lower() for line in lines[1:-1]}
    assert headers == {
        b"host",
        b"connection",
        b"accept-encoding",
        b"authorization",
        b"accept",
        b"content-type",
        b"user-agent",
    }


def test_each_request_of_the_sdk_has_the_same_head() -> None:
    assert _head() == _head()


def test_another_key_or_address_makes_another_head() -> None:
    heads = {_head(), _head(key="sk-b"), _head(url="https://llm.test/v2")}
    assert len(heads) == 3
    assert b"\r\nauthorization: Bearer sk-b\r\n" in _head(key="sk-b")


def test_headers_from_the_environment_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    assert b"\r\nopenai-organization: org-1\r\n" in _head().lower()


def test_a_header_with_a_line_end_makes_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org\r\nX-Evil: 1")
    with pytest.raises(ValueError, match="line end"):
        _head()


def test_the_length_is_that_of_each_body(upstream: Upstream) -> None:
    provider = provider_for(upstream)
    for question in ("a", "ação " * 200, "b"):
        assert answer_of(provider, request(question))[0] == f"Answer to: {question}"
    lengths = [int(sent.headers["content-length"]) for sent in upstream.requests]
    assert lengths[0] == lengths[2] < lengths[1]
