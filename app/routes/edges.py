"""What surrounds every request: its id, its limits, its headers, its log line."""

import ipaddress
import logging
import re
import time
from collections.abc import Sequence

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from flask_cors import CORS
from waitress.adjustments import Adjustments

from app.config import Settings
from app.errors import BadRequest
from app.models.ids import new_id
from app.routes.json import LARGEST_BODY, MEGABYTE
from app.routes.state import services

log = logging.getLogger(__name__)

PORT = re.compile(r":\d*$")
REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
FORM_OVERHEAD = 64 * 1024
FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host")
EXPOSED = (
    "Link",
    "X-Total-Count",
    "Retry-After",
    "X-Request-ID",
    "Location",
    "Idempotency-Replayed",
)
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
YEAR = 31_536_000
STORE_SECONDS = 10.0  # about ten calls a turn: a store that takes 1 s each will do


def register_edges(app: APIFlask, settings: Settings) -> None:
    _keep_forwarding_headers()
    if settings.cors_origins:
        CORS(
            app,
            origins=list(settings.cors_origins),
            expose_headers=list(EXPOSED),
            send_wildcard=True,
            always_send=False,
        )
    hosts = {_without_port(host) for host in settings.allowed_hosts}
    trusted = _networks(settings.trusted_proxies)
    upload_limit = settings.max_upload_mb * MEGABYTE + FORM_OVERHEAD
    larger_bodies = settings.larger_bodies
    over_tls = (settings.public_url or "").startswith("https:")

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        services().store.limit_time(STORE_SECONDS)
        asked = request.headers.get("X-Request-ID", "")
        g.request_id = asked if REQUEST_ID.fullmatch(asked) else new_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        form = request.mimetype == "multipart/form-data"
        largest = larger_bodies.get(request.path, upload_limit)
        request.max_content_length = largest if form else LARGEST_BODY
        g.address = _client_address(trusted)
        if hosts and _without_port(request.host) not in hosts:
            raise BadRequest(reason="reason.host")

    @app.after_request
    def end(response: Response) -> Response:
        headers = response.headers
        headers["X-Request-ID"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Content-Security-Policy", POLICY)
        headers.setdefault("Cache-Control", "no-store")
        if over_tls:
            headers["Strict-Transport-Security"] = f"max-age={YEAR}"
        log.info(
            "request",
            extra={
                "method": request.method,
                "route": request.url_rule.rule if request.url_rule else None,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.started) * 1000, 1),
            },
        )
        return response


def _keep_forwarding_headers() -> None:
    """Let waitress hand us the forwarding headers, which it drops by default.

    Without them a request through a proxy on this machine looks like one from
    this machine, and TRUSTED_PROXIES has nothing to read. It is the default that
    changes, since `waitress-serve` makes its server after the app.
    """
    Adjustments.clear_untrusted_proxy_headers = False


def from_this_machine() -> bool:
    """Tell whether the request came directly from a loopback address."""
    if any(name in request.headers for name in FORWARDING):
        return False
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a Unix socket has no address
        return False
    return address.is_loopback


def _without_port(host: str) -> str:
    return PORT.sub("", host).lower().rstrip(".")


def _networks(
    addresses: Sequence[str],
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(address, strict=False) for address in addresses]


def _client_address(
    trusted: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> str:
    """Return the nearest address that is no proxy of ours."""
    peer = request.remote_addr or ""
    if not trusted:
        return peer
    forwarded = request.headers.get("X-Forwarded-For", "")
    hops = [*(part.strip() for part in forwarded.split(",")), peer]
    nearest = hops[-1]
    for hop in reversed(hops):
        try:
            address = ipaddress.ip_address(hop)
        except ValueError:
            break
        nearest = hop
        if not any(address in network for network in trusted):
            break
    return nearest
