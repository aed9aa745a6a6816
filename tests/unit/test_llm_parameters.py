"""Models that refuse parameters are met by those they take."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.errors import ProviderRefused
from app.services.llm import parameters
from app.services.llm.parameters import Shape, Shapes
from tests.support.asking import answer_of, failure_of, provider_for, request
from tests.support.behaviour import Behaviour
from tests.support.upstream import Upstream


@pytest.mark.parametrize(
    ("refused", "instead"),
    [
        ("max_tokens", {"max_completion_tokens": 100}),
        ("temperature", {"max_tokens": 100}),
        ("stream_options", {"stream": True}),
        ("stream", {"max_tokens": 100}),
    ],
)
def test_a_refused_parameter_costs_one_call_once(
    upstream: Upstream, refused: str, instead: dict[str, object]
) -> None:
    upstream.reply(refuses=(refused,))
    provider = provider_for(upstream)
    for _ in range(3):
        assert answer_of(provider)[0] == "Answer to: How are you?"
    bodies = [sent.body for sent in upstream.requests]
    assert [refused in body for body in bodies] == [True, False, False, False]
    assert instead.items() <= bodies[-1].items()


def test_a_model_that_refuses_everything_is_learned_step_by_step(
    upstream: Upstream,
) -> None:
    everything = ("max_tokens", "max_completion_tokens", "temperature")
    upstream.reply(refuses=(*everything, "stream_options", "stream", "role:system"))
    provider = provider_for(upstream)
    assert answer_of(provider)[0]
    assert len(upstream.requests) == 7
    assert answer_of(provider)[0]
    assert len(upstream.requests) == 8
    assert set(upstream.requests[-1].body) == {"model", "messages"}


@pytest.mark.parametrize(
    ("refuses", "role"),
    [(("role:system",), "developer"), (("role:system", "role:developer"), "user")],
)
def test_instructions_take_the_role_that_the_model_knows(
    upstream: Upstream, refuses: tuple[str, ...], role: str
) -> None:
    upstream.reply(refuses=refuses)
    assert answer_of(provider_for(upstream))[0]
    first = upstream.requests[-1].body["messages"][0]
    assert first == {"role": role, "content": "Be brief."}


def test_each_model_is_learned_by_itself(upstream: Upstream) -> None:
    upstream.when(
        lambda body: body["model"] == "o9", Behaviour(refuses=("temperature",))
    )
    provider = provider_for(upstream)
    for model in ("o9", "gpt-test", "o9"):
        answer_of(provider, request(model=model))
    sent = [(r.body["model"], "temperature" in r.body) for r in upstream.requests]
    assert sent == [("o9", True), ("o9", False), ("gpt-test", True), ("o9", False)]


def test_threads_learn_together(upstream: Upstream) -> None:
    upstream.reply(refuses=("max_tokens",), delay=0.02)
    provider = provider_for(upstream)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: answer_of(provider)[0], range(40)))
    assert all(answers)
    assert len(upstream.requests) <= 48


def test_a_model_without_streams_answers_at_once(upstream: Upstream) -> None:
    upstream.reply("Whole.", refuses=("stream",), usage=(3, 1))
    text, completion = answer_of(provider_for(upstream))
    assert text == "Whole."
    assert (completion.tokens_in, completion.estimated) == (3, False)


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 100. This model supports at most 50.",
        "This model's maximum context length is 8192 tokens.",
        "Invalid value for 'temperature': expected at most 2.",
        "The model does not exist",
        "",
    ],
)
def test_a_refusal_of_other_things_teaches_nothing(
    upstream: Upstream, message: str
) -> None:
    error = {"message": message, "type": "invalid_request_error"}
    upstream.reply(status=400, body=_json({"error": error}))
    assert isinstance(failure_of(provider_for(upstream))[1], ProviderRefused)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (
            {
                "detail": [
                    {"loc": ["body", "stream_options"], "type": "extra_forbidden"}
                ]
            },
            {"usage": False},
        ),
        ({"error": "unknown field: temperature"}, {"temperature": False}),
        ({"message": "System role not supported"}, {"system": "developer"}),
        (
            {
                "error": {
                    "message": "Unrecognized request argument supplied: max_tokens"
                }
            },
            {"limit": "max_completion_tokens"},
        ),
        ("temperature is not supported", {"temperature": False}),
        ({"detail": [{"msg": "not supported", "input": "temperature"}]}, None),
        ({"detail": [None, 7, {"loc": 7}]}, None),
        ({"error": None}, None),
        (None, None),
    ],
)
def test_refusals_of_other_servers_are_understood(
    error: object, changed: dict[str, Any] | None
) -> None:
    shape = Shape()
    expected = None if changed is None else Shape(**changed)
    assert shape.without(error, shape.payload(request())) == expected


def test_memory_of_models_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "MODELS_REMEMBERED", 3)
    shapes, usual = Shapes(), Shape()
    sent = usual.payload(request())
    for number in range(10):
        assert shapes.learn(f"m{number}", usual, "temperature unsupported", sent)
    assert [shapes.of(f"m{n}") == usual for n in range(10)] == [True] * 7 + [False] * 3


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
