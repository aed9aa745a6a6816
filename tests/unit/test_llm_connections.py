"""How the provider is reached: TLS, proxies, names; and what stays behind."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from app.errors import ProviderError, ProviderTimeout, ProviderUnavailable
from app.services.llm.openai import OpenAIProvider
from tests.support.asking import (
    QUICK,
    SLACK,
    answer_of,
    failure_of,
    provider_for,
    request,
)
from tests.support.behaviour import Behaviour
from tests.support.certificates import write_certificate
from tests.support.upstream import Upstream

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    address = x509.IPAddress(IPv4Address("127.0.0.1"))
    return write_certificate(tmp_path / "upstream.pem", address)


@pytest.fixture
def secure(certificate: Path) -> Iterator[Upstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Upstream(tls=context) as upstream:
        yield upstream


class _Proxy(socketserver.ThreadingTCPServer):
    """A proxy that knows CONNECT and absolute addresses, and one login."""

    allow_reuse_address = True
    daemon_threads = True
    seen: list[str]


class _ProxyHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        first = self.rfile.readline().decode()
        lines = [line.decode() for line in iter(self.rfile.readline, b"\r\n")]
        assert isinstance(self.server, _Proxy)
        self.server.seen.append(first.split(" ")[0] + " " + first.split(" ")[1])
        if not any(line.startswith("Proxy-Authorization: Basic ") for line in lines):
            self.wfile.write(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, _ = first.split(" ")
        authority = target if method == "CONNECT" else target.split("/")[2]
        host, port = authority.split(":")
        with socket.create_connection((host, int(port))) as onward:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Go on\r\n\r\n")
            else:
                first = first.replace(f"http://{authority}", "")
                onward.sendall("".join([first, *lines, "\r\n"]).encode())
            back = threading.Thread(target=_pump, args=(onward, self.connection))
            back.start()
            while data := self.rfile.read1(65_536):
                onward.sendall(data)
            with suppress(OSError):
                onward.shutdown(socket.SHUT_WR)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Proxy]:
    with _Proxy(("127.0.0.1", 0), _ProxyHandler) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        address = f"http://me:it%40@127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("https_proxy", address)
        monkeypatch.setenv("no_proxy", "")
        yield server
        server.shutdown()
        thread.join()


def test_a_trusted_certificate_is_accepted(
    secure: Upstream, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = provider_for(secure, first_byte=2, connect=2)
    for _ in range(3):
        assert answer_of(provider)[0] == "Answer to: How are you?"
    assert secure.accepted == 1
    secure.reply("A long story", cut_after=4, reset=True)
    assert isinstance(failure_of(provider)[1], ProviderError)
    provider.close()


def test_an_unknown_certificate_is_refused(secure: Upstream) -> None:
    _, error = failure_of(provider_for(secure, connect=2))
    assert isinstance(error, ProviderUnavailable)
    assert not secure.requests


def test_a_certificate_of_another_host_is_refused(
    secure: Upstream, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = secure.base_url.replace("127.0.0.1", "localhost")
    provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
    assert isinstance(failure_of(provider)[1], ProviderUnavailable)
    assert not secure.requests


def test_a_silent_handshake_ends_when_the_connection_is_due() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
        provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
        provider.prepare()
        start = time.monotonic()
        assert isinstance(failure_of(provider)[1], ProviderTimeout)
        assert 0.45 < time.monotonic() - start < 0.5 + SLACK


def test_a_name_server_that_hangs_ends_when_the_connection_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, answered = socket.getaddrinfo, threading.Event()

    def slow(host: str, *args: int) -> object:
        if host == "slow.test" and args[-1] != socket.AI_NUMERICHOST:
            answered.wait(5)
        return real("127.0.0.1", *args)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    provider = OpenAIProvider(api_key="k", base_url="http://slow.test/v1", limits=QUICK)
    provider.prepare()
    start = time.monotonic()
    try:
        assert isinstance(failure_of(provider)[1], ProviderError)
        assert time.monotonic() - start < 0.5 + SLACK
    finally:
        answered.set()


def test_names_are_looked_up(upstream: Upstream) -> None:
    url = upstream.base_url.replace("127.0.0.1", "localhost")
    provider = OpenAIProvider(api_key="k", base_url=url, limits=QUICK)
    assert answer_of(provider)[0]


def test_plain_requests_go_through_the_proxy(upstream: Upstream, proxy: _Proxy) -> None:
    assert answer_of(provider_for(upstream))[0]
    assert proxy.seen == [f"POST {upstream.base_url}/chat/completions"]


def test_secure_requests_tunnel_through_the_proxy(
    secure: Upstream,
    certificate: Path,
    proxy: _Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = provider_for(secure, connect=2, first_byte=2)
    assert answer_of(provider)[0]
    assert proxy.seen == [f"CONNECT 127.0.0.1:{secure.port}"]
    provider.close()


def test_a_proxy_that_refuses_makes_the_provider_unavailable(
    secure: Upstream, proxy: _Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
    assert isinstance(failure_of(provider_for(secure))[1], ProviderUnavailable)


def test_hosts_outside_the_proxy_are_reached_directly(
    upstream: Upstream, proxy: _Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert answer_of(provider_for(upstream))[0]
    assert not proxy.seen


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts in /proc")
def test_two_hundred_calls_leave_no_thread_and_no_descriptor(
    upstream: Upstream,
) -> None:
    provider = provider_for(upstream, backoff=0.0001)
    answer_of(provider)
    kinds = [
        Behaviour(),
        Behaviour(text="cut", cut_after=3),
        Behaviour(text="cut", cut_after=2, reset=True),
        Behaviour(body=b"<html>"),
        Behaviour(status=401),
    ]
    before = len(list(DESCRIPTORS.iterdir())), threading.active_count()
    upstream.script(kinds * 40)
    for number in range(200):
        events = provider.complete(request())
        try:
            for _ in events:
                if number % 10 == 0:
                    break
        except ProviderError:
            pass
        events.close()  # type: ignore[attr-defined]
    provider.close()
    end = time.monotonic() + 2
    while upstream.open_connections and time.monotonic() < end:
        time.sleep(0.01)
    after = len(list(DESCRIPTORS.iterdir())), threading.active_count()
    assert after[0] <= before[0]
    assert after[1] == before[1]
