"""What a good upstream's answers become."""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from subprocess import run

import pytest

from app.errors import ProviderRefused
from app.services.llm.openai import OpenAIProvider
from app.services.llm.port import Completion, Delta
from app.services.llm.tokens import estimate_tokens
from tests.support.asking import SLACK, answer_of, failure_of, provider_for, request
from tests.support.behaviour import Behaviour
from tests.support.upstream import Upstream


def _events(*parts: object, end: str = "\n\n", done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(part)}{end}" for part in parts]
    return "".join([*lines, f"data: [DONE]{end}" if done else ""]).encode()


def _delta(content: object, finish: str | None = None, **more: object) -> object:
    delta = {"content": content, **more}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_an_answer_streams_and_ends_with_what_it_cost(upstream: Upstream) -> None:
    upstream.reply("Fine, thanks.", usage=(12, 4), pause=0.01, model="gpt-test-0101")
    events = list(provider_for(upstream).complete(request()))
    deltas = [event.text for event in events[:-1] if isinstance(event, Delta)]
    assert len(deltas) > 3
    assert "".join(deltas) == "Fine, thanks."
    _, completion = answer_of(provider_for(upstream))
    assert completion.model == "gpt-test-0101"
    assert (completion.tokens_in, completion.tokens_out) == (12, 4)
    assert not completion.estimated


def test_pieces_that_come_together_are_one_delta(upstream: Upstream) -> None:
    upstream.reply(body=_events(_delta("Fi"), _delta("ne, "), _delta("thanks", "stop")))
    delta, completion = provider_for(upstream).complete(request())
    assert delta == Delta(text="Fine, thanks")
    assert isinstance(completion, Completion)


def test_the_request_says_what_was_asked(upstream: Upstream) -> None:
    answer_of(provider_for(upstream), request("Olá, tudo bem?"))
    sent = upstream.requests[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer sk-made-up"
    assert sent.body == {
        "model": "gpt-test",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Olá, tudo bem?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "max_tokens": 100,
    }


def test_half_a_character_in_a_question_is_replaced(upstream: Upstream) -> None:
    assert answer_of(provider_for(upstream), request("ação \ud83d"))[0]
    assert upstream.requests[0].body["messages"][-1]["content"] == "ação ?"


def test_what_is_not_set_is_not_sent(upstream: Upstream) -> None:
    answer_of(provider_for(upstream), request(temperature=None, max_tokens=None))
    assert not {"temperature", "max_tokens"} & set(upstream.requests[0].body)


def test_requests_tell_nothing_of_our_machine(upstream: Upstream) -> None:
    answer_of(provider_for(upstream))
    headers = upstream.requests[0].headers
    assert not [name for name in headers if name.startswith("x-stainless")]


def test_a_local_server_needs_no_key(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    provider = OpenAIProvider(api_key=None, base_url=upstream.base_url)
    assert answer_of(provider)[0] == "Answer to: How are you?"
    assert "someone" not in upstream.requests[0].headers["authorization"]


def test_openai_itself_is_not_called_without_a_key() -> None:
    _, error = failure_of(OpenAIProvider(api_key=None, base_url=None))
    assert isinstance(error, ProviderRefused)


@pytest.mark.parametrize("key", ["sk-a\r\nX-Evil: 1", "sk-café", "sk-a\x00"])
def test_a_malformed_key_is_never_sent(upstream: Upstream, key: str) -> None:
    provider = OpenAIProvider(api_key=key, base_url=upstream.base_url)
    assert isinstance(failure_of(provider)[1], ProviderRefused)
    assert not upstream.requests


def test_an_azure_address_keeps_its_version_and_gets_its_header(
    upstream: Upstream,
) -> None:
    url = f"{upstream.base_url}/openai/deployments/d?api-version=2024-10-21"
    upstream.script([Behaviour()])
    _, error = failure_of(OpenAIProvider(api_key="k", base_url=url))
    assert isinstance(error, ProviderRefused)  # the scripted server has no such path
    assert upstream.paths == [
        "/v1/openai/deployments/d/chat/completions?api-version=2024-10-21"
    ]


def test_usage_that_nobody_counted_is_estimated(upstream: Upstream) -> None:
    upstream.reply("Tudo ótimo por aqui.", usage=None)
    _, completion = answer_of(provider_for(upstream))
    assert completion.estimated
    assert completion.tokens_out == estimate_tokens("Tudo ótimo por aqui.")
    assert completion.tokens_in > estimate_tokens("How are you?")


@pytest.mark.parametrize("count", ["9", -1, True, 1.5, None, 10**30])
def test_nonsense_usage_is_estimated(upstream: Upstream, count: object) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": count}
    body = _events(_delta("Fine.", "stop"), {"choices": [], "usage": usage})
    upstream.reply(body=body)
    _, completion = answer_of(provider_for(upstream))
    assert completion.estimated
    assert (completion.tokens_in, completion.tokens_out) == (3, 2)


def test_a_plain_answer_is_taken_although_a_stream_was_asked(
    upstream: Upstream,
) -> None:
    upstream.reply("All at once.", plain=True, usage=(5, 3))
    text, completion = answer_of(provider_for(upstream))
    assert text == "All at once."
    assert (completion.tokens_in, completion.tokens_out) == (5, 3)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_an_answer_cut_short_by_its_provider_is_whole(
    upstream: Upstream, finish: str
) -> None:
    upstream.reply("Once upon", finish=finish)
    assert answer_of(provider_for(upstream))[0] == "Once upon"


def test_either_sign_of_the_end_is_enough(upstream: Upstream) -> None:
    upstream.script(
        [Behaviour(text="One", done=False), Behaviour(text="Two", finish=None)]
    )
    provider = provider_for(upstream)
    assert answer_of(provider)[0] == "One"
    assert answer_of(provider)[0] == "Two"


def test_a_stream_that_stays_open_after_its_end_is_not_waited_for(
    upstream: Upstream,
) -> None:
    upstream.reply(
        headers={"Content-Length": "999999"}, body=_events(_delta("Fine.", "stop"))
    )
    provider = provider_for(upstream)
    start = time.monotonic()
    assert answer_of(provider)[0] == "Fine."
    assert time.monotonic() - start < SLACK


def test_usage_that_does_not_come_is_not_waited_for_long(upstream: Upstream) -> None:
    body = _events(_delta("Fine.", "stop"), done=False)
    upstream.reply(headers={"Content-Length": "999999"}, body=body)
    provider = provider_for(upstream, first_byte=15, gap=15)
    start = time.monotonic()
    assert answer_of(provider)[0] == "Fine."
    assert time.monotonic() - start < 1 + SLACK


@pytest.mark.parametrize(
    "body",
    [
        _events(_delta("Fi"), _delta("ne.", "stop"), end="\r\n\r\n"),
        _events(_delta("Fi"), _delta("ne.", "stop"), end="\r\r"),
        b": hello\n\nevent: x\nid: 7\nretry: 5\n" + _events(_delta("Fine.", "stop")),
        _events({"type": "ping"}, _delta("Fine.", "stop")),
        b"\xef\xbb\xbf" + _events(_delta("Fine.", "stop")),
        b'data: {"choices": [{"delta":\ndata: {"content": "Fine."}}]}\n\ndata: [DONE]\n\n',
        b'data:{"choices":[{"delta":{"content":"Fine."},"finish_reason":"stop"}]}',
        _events(_delta(None, role="assistant"), _delta("Fine.", "stop", new=[1])),
        _events(_delta(None, reasoning_content="Hm"), _delta("Fine.", "stop")),
        _events(
            _delta([{"type": "thinking"}, {"type": "text", "text": "Fine."}], "stop")
        ),
        _events({"choices": [], "prompt_filter_results": []}, _delta("Fine.", "stop")),
        _events(_delta("Fine.", "stop", tool_calls=[{"function": {"name": "rm"}}])),
        _events(
            {"choices": [{"index": 1, "delta": {"content": "No"}}]},
            _delta("Fine.", "stop"),
        ),
    ],
    ids=lambda body: body[:20].decode(errors="ignore").strip(),
)
def test_dialects_of_the_stream_are_understood(upstream: Upstream, body: bytes) -> None:
    upstream.reply(body=body, headers={"Content-Type": "text/event-stream"})
    assert answer_of(provider_for(upstream))[0] == "Fine."


def test_characters_split_between_packets_stay_whole(upstream: Upstream) -> None:
    body = 'data: {"choices":[{"delta":{"content":"ação 🎉"}}]}\n\ndata: [DONE]\n\n'
    upstream.reply(body=body.encode(), drip=(1, 0.0005))
    assert answer_of(provider_for(upstream))[0] == "ação 🎉"


def test_half_a_surrogate_pair_does_not_reach_the_store(upstream: Upstream) -> None:
    upstream.reply(body=_events(_delta("x\ud83d", "stop")))
    assert answer_of(provider_for(upstream))[0] == "x\ufffd"


def test_the_first_piece_does_not_wait_for_the_second(upstream: Upstream) -> None:
    upstream.reply("One two", chunks=2, pause=0.25, usage=(1, 1))
    provider, start = provider_for(upstream), time.monotonic()
    arrived = [time.monotonic() - start for _ in provider.complete(request())]
    assert arrived[0] < arrived[1] - 0.15


def test_a_whole_address_is_understood(upstream: Upstream) -> None:
    url = f"{upstream.base_url}/chat/completions/"
    provider = OpenAIProvider(api_key="k", base_url=url)
    assert answer_of(provider)[0] == "Answer to: How are you?"


def test_connections_are_used_again(upstream: Upstream) -> None:
    provider = provider_for(upstream)
    for _ in range(5):
        answer_of(provider)
    assert upstream.accepted == 1


def test_a_connection_is_used_again_although_its_answers_end_comes_late(
    upstream: Upstream,
) -> None:
    upstream.reply(drip=(3, 0.001))
    provider = provider_for(upstream)
    for _ in range(3):
        answer_of(provider)
    assert upstream.accepted == 1


def test_an_idle_connection_that_the_server_closed_is_replaced(
    upstream: Upstream,
) -> None:
    provider = provider_for(upstream)
    for _ in range(3):
        assert answer_of(provider)[0]
        upstream.hang_up()
    assert upstream.accepted == 3
    assert len(upstream.requests) == 3  # nothing was asked twice


def test_closing_early_closes_the_connection(upstream: Upstream) -> None:
    upstream.reply("A long story", chunks=10, pause=0.2)
    events = provider_for(upstream).complete(request())
    next(events)
    events.close()  # type: ignore[attr-defined]
    end = time.monotonic() + 2
    while upstream.open_connections and time.monotonic() < end:
        time.sleep(0.01)
    assert not upstream.open_connections


def test_threads_get_their_own_answers(upstream: Upstream) -> None:
    upstream.reply(pause=0.002)
    provider = provider_for(upstream)
    questions = [f"Question {number}" for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda q: answer_of(provider, request(q))[0], questions)
    assert list(answers) == [f"Answer to: {question}" for question in questions]


def test_threads_that_end_leave_nothing_behind(upstream: Upstream) -> None:
    provider = provider_for(upstream)
    threads = [threading.Thread(target=answer_of, args=(provider,)) for _ in range(30)]
    for thread in threads:
        thread.start()
        thread.join()
    assert upstream.accepted == 1
    del provider
    end = time.monotonic() + 2
    while upstream.open_connections and time.monotonic() < end:
        time.sleep(0.01)
    assert not upstream.open_connections


def test_the_sdk_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from app.services.llm.openai import OpenAIProvider;"
        "OpenAIProvider(api_key='k', base_url=None);"
        "print([m for m in ('openai', 'httpx2') if m in sys.modules])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
