"""An upstream that only fails is left alone for a while."""

import threading

import pytest

from app.errors import (
    ProviderInvalidAnswer,
    ProviderRefused,
    ProviderSuspended,
    ProviderUnavailable,
)
from app.services.llm.breaker import Breaker
from app.services.llm.openai import OpenAIProvider
from tests.support.asking import QUICK, answer_of, failure_of, request
from tests.support.behaviour import HTML, SILENT, Behaviour
from tests.support.upstream import Upstream


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(upstream: Upstream, clock: Clock) -> OpenAIProvider:
    return OpenAIProvider(
        api_key="k",
        base_url=upstream.base_url,
        limits=QUICK,
        breaker=Breaker(now=clock),
    )


def test_five_failures_in_a_row_suspend_the_upstream(
    upstream: Upstream, provider: OpenAIProvider, clock: Clock
) -> None:
    upstream.reply(status=500)
    assert isinstance(failure_of(provider)[1], ProviderUnavailable)
    assert isinstance(failure_of(provider)[1], ProviderUnavailable)
    clock.time += 10
    _, error = failure_of(provider)
    assert isinstance(error, ProviderSuspended)
    assert error.retry_after == 20
    assert len(upstream.requests) == 5


def test_after_the_pause_one_probe_decides(
    upstream: Upstream, provider: OpenAIProvider, clock: Clock
) -> None:
    upstream.reply(status=500)
    for _ in range(2):
        failure_of(provider)
    clock.time += 30
    assert isinstance(failure_of(provider)[1], ProviderUnavailable)
    assert len(upstream.requests) == 6  # a probe is not repeated
    assert isinstance(failure_of(provider)[1], ProviderSuspended)
    clock.time += 30
    upstream.reply()
    assert answer_of(provider)[0]
    assert answer_of(provider)[0]


def test_only_one_call_probes(
    upstream: Upstream, provider: OpenAIProvider, clock: Clock
) -> None:
    upstream.reply(status=500)
    for _ in range(2):
        failure_of(provider)
    clock.time += 31
    upstream.reply(delay=0.3)
    probe = threading.Thread(target=answer_of, args=(provider,))
    probe.start()
    while len(upstream.requests) < 6:
        pass
    assert isinstance(failure_of(provider)[1], ProviderSuspended)
    probe.join()
    assert answer_of(provider)[0]


def test_a_probe_that_is_abandoned_leaves_room_for_another(
    upstream: Upstream, provider: OpenAIProvider, clock: Clock
) -> None:
    upstream.reply(status=500)
    for _ in range(2):
        failure_of(provider)
    clock.time += 31
    upstream.always(HTML)
    assert isinstance(failure_of(provider)[1], ProviderInvalidAnswer)
    upstream.reply()
    assert answer_of(provider)[0]


def test_an_answer_in_between_starts_the_count_anew(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    for _ in range(4):
        upstream.script([Behaviour(status=500), Behaviour(status=500)])
        assert answer_of(provider)[0]


def test_refusals_are_no_failures(upstream: Upstream, provider: OpenAIProvider) -> None:
    upstream.reply(status=401)
    for _ in range(7):
        assert isinstance(failure_of(provider)[1], ProviderRefused)


def test_silence_is_a_failure(upstream: Upstream, provider: OpenAIProvider) -> None:
    upstream.always(SILENT)
    for _ in range(5):
        failure_of(provider, request(seconds=0.05))
    assert isinstance(failure_of(provider)[1], ProviderSuspended)


def test_refused_connections_are_failures(clock: Clock) -> None:
    with Upstream() as gone:
        url = gone.base_url
    provider = OpenAIProvider(
        api_key="k", base_url=url, limits=QUICK, breaker=Breaker(now=clock)
    )
    for _ in range(2):
        assert isinstance(failure_of(provider)[1], ProviderUnavailable)
    assert isinstance(failure_of(provider)[1], ProviderSuspended)


def test_late_failures_do_not_prolong_the_pause(clock: Clock) -> None:
    breaker = Breaker(failures=2, now=clock)
    for _ in range(3):
        breaker.failed(probe=False)
        clock.time += 10
    with pytest.raises(ProviderSuspended) as suspended:
        breaker.enter()
    assert suspended.value.retry_after == 10
