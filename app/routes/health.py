from typing import Any

from apiflask import APIBlueprint

from app.errors import AppError
from app.routes.schemas.health import Health, Readiness
from app.routes.state import services

bp = APIBlueprint("health", __name__, tag="Operation")


@bp.get("/healthz")
@bp.output(Health)
def get_health() -> dict[str, str]:
    """Whether the process lives"""
    return {"status": "ok"}


@bp.get("/readyz")
@bp.output(Readiness)
def get_readiness() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Whether the process can serve: its store and its provider"""
    provider = services().provider_name
    try:
        services().store.ping()
    except AppError:
        body = {"status": "unavailable", "store": "unavailable", "provider": provider}
        return body, 503, {"Retry-After": "3"}
    return {"status": "ready", "store": "ok", "provider": provider}, 200, {}
