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
    """Whether the process can serve: its store, its provider, and it goes on"""
    answer = {"status": "ready", "store": "ok", "provider": services().provider_name}
    try:
        services().store.ping()
    except AppError:
        answer |= {"status": "unavailable", "store": "unavailable"}
    if services().stopping.is_set():
        answer |= {"status": "stopping"}
    if answer["status"] == "ready":
        return answer, 200, {}
    return answer, 503, {"Retry-After": "3"}
