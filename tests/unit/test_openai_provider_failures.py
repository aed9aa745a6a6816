"""What becomes of an upstream's errors: rows F07 and F08, and what is logged."""

import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.errors import (
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.services.llm.openai import OpenAIProvider
from tests.support.asking import (
    QUICK,
    SLACK,
    answer_of,
    failure_of,
    provider_for,
    request,
)
from tests.support.behaviour import Behaviour, rate_limited
from tests.support.upstream import Upstream

# Row F07: too many requests


@pytest.mark.parametrize("after", ["0.3", "0.25", "0"])
def test_a_short_rate_limit_is_waited_for(upstream: Upstream, after: str) -> None:
    upstream.script([rate_limited(after)])
    provider = provider_for(upstream)
    start = time.monotonic()
    assert answer_of(provider)[0] == "Answer to: How are you?"
    assert float(after) <= time.monotonic() - start < float(after) + SLACK
    assert len(upstream.requests) == 2


def test_a_rate_limit_given_as_a_date_is_waited_for(upstream: Upstream) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    upstream.script([rate_limited(format_datetime(soon, usegmt=True))])
    assert answer_of(provider_for(upstream))[0]


@pytest.mark.parametrize(("after", "told"), [("60", 60), ("11", 11), ("3.2", 4)])
def test_a_rate_limit_beyond_the_budget_is_passed_on(
    upstream: Upstream, after: str, told: int
) -> None:
    upstream.always(rate_limited(after))
    provider = provider_for(upstream)
    start = time.monotonic()
    _, error = failure_of(provider, request(seconds=5))
    assert isinstance(error, ProviderRateLimited)
    assert error.retry_after == told
    assert len(upstream.requests) == 1
    assert time.monotonic() - start < SLACK


@pytest.mark.parametrize("after", ["-5", "soon", "nan", "inf", "1e999", "", "1" * 500])
def test_a_senseless_rate_limit_is_not_waited_for(
    upstream: Upstream, after: str
) -> None:
    upstream.always(rate_limited(after))
    _, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderRateLimited)
    assert error.retry_after in (30, 86_400)
    assert len(upstream.requests) == 1


def test_a_rate_limit_that_does_not_end_is_given_up(upstream: Upstream) -> None:
    upstream.always(rate_limited("0"))
    _, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderRateLimited)
    assert len(upstream.requests) == 3


# Row F08: the upstream fails


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_a_failing_upstream_is_asked_three_times(
    upstream: Upstream, status: int
) -> None:
    upstream.reply(status=status)
    _, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderUnavailable)
    assert len(upstream.requests) == 3


def test_an_upstream_that_recovers_answers(upstream: Upstream) -> None:
    upstream.script([Behaviour(status=500), Behaviour(status=503)])
    assert answer_of(provider_for(upstream))[0] == "Answer to: How are you?"


def test_no_retry_outlives_the_budget(upstream: Upstream) -> None:
    upstream.reply(status=503, headers={"Retry-After": "2"})
    provider = provider_for(upstream)
    start = time.monotonic()
    _, error = failure_of(provider, request(seconds=1))
    assert isinstance(error, ProviderUnavailable)
    assert time.monotonic() - start < SLACK


def test_nobody_listening_is_an_unavailable_provider() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
        assert isinstance(failure_of(provider)[1], ProviderUnavailable)


def test_a_host_without_address_is_an_unavailable_provider() -> None:
    url = "http://nowhere.invalid/v1"
    provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
    _, error = failure_of(provider, request(seconds=3))
    assert isinstance(error, ProviderUnavailable | ProviderTimeout)


@pytest.mark.parametrize(
    "url", ["localhost:11434", "ftp://x/v1", "http://", "http://h:x/"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
    assert isinstance(failure_of(provider)[1], ProviderRefused)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422])
def test_a_refusal_is_not_repeated(upstream: Upstream, status: int) -> None:
    upstream.reply(status=status, headers={"Location": "/v1/chat/completions"})
    _, error = failure_of(provider_for(upstream))
    assert isinstance(error, ProviderRefused)
    assert len(upstream.requests) == 1


def test_an_error_whose_text_drips_is_still_that_error(upstream: Upstream) -> None:
    upstream.reply(status=401, headers={"Content-Length": "100000"}, body=b"{")
    provider = provider_for(upstream, first_byte=0.6)
    start = time.monotonic()
    _, error = failure_of(provider)
    assert isinstance(error, ProviderRefused)
    assert time.monotonic() - start < 2.5


# What the log may hold


def test_the_log_holds_neither_contents_nor_keys(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"message": "Incorrect API key: sk-made-up, Bearer abc. " + "word " * 200}
    upstream.reply(status=401, body=json.dumps({"error": said}).encode())
    with caplog.at_level(logging.DEBUG):
        failure_of(provider_for(upstream), request("My secret question"))
        upstream.reply()
        answer_of(provider_for(upstream), request("My secret question"))
    logged = "\n".join(
        f"{record.getMessage()} {vars(record)}" for record in caplog.records
    )
    assert "provider failed" in logged
    assert "Incorrect API key" in logged
    assert "secret" not in logged
    assert "sk-made-up" not in logged
    assert "abc" not in logged
    details = [vars(record).get("detail", "") for record in caplog.records]
    assert max(len(str(detail)) for detail in details) <= 200


def test_errors_carry_no_trace_of_the_exchange(upstream: Upstream) -> None:
    upstream.reply(status=500)
    _, error = failure_of(provider_for(upstream))
    assert error.__cause__ is None
    assert error.__context__ is None
