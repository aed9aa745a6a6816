from typing import Literal

from app.routes.schemas.common import Output


class Health(Output):
    status: Literal["ok"]


class Readiness(Output):
    status: Literal["ready", "unavailable", "stopping"]
    store: Literal["ok", "unavailable"]
    provider: str
