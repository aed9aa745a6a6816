import warnings
from typing import Any

from apiflask import APIFlask

from app.routes.schemas.common import ERROR_SCHEMA

DESCRIPTION = """\
A self-hosted backend for LLM assistants. People sign in with `/auth/login` and send \
`Authorization: Bearer <token>`; bots send an assistant's key as `X-API-Key`. \
Where a route names both, the key needs the scope `read` (chats) or `documents`.

Lists are plain arrays; the next page is in the `Link` header, the total in \
`X-Total-Count`. Every failure has one shape: `{"error": {"code", "message", \
"fields"?, "request_id"}}`. \
Any route answers 503 `store_unavailable` while the database is away."""


def describe_api(app: APIFlask) -> None:
    """Set what `/openapi.json` says beside the routes themselves."""
    app.config |= {
        "AUTO_OPERATION_ID": True,
        "AUTO_SERVERS": False,
        "HTTP_ERROR_SCHEMA": ERROR_SCHEMA,
        "VALIDATION_ERROR_SCHEMA": ERROR_SCHEMA,
        "DESCRIPTION": DESCRIPTION,
        "LICENSE": {"name": "MIT", "identifier": "MIT"},
    }

    # APIFlask warns of each scheme that several routes' authenticators share.
    warnings.filterwarnings("ignore", "The auth scheme name", module="apiflask")

    @app.spec_processor
    def stable(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
        """Sort what APIFlask keeps in a set, and shorten the operation ids.

        Off them go the method's and the blueprint's name. A tag that blueprints share
        is named once.
        """
        if isinstance(spec, str):
            return spec
        schemes = spec["components"]["securitySchemes"]
        spec["components"]["securitySchemes"] = dict(sorted(schemes.items()))
        spec["tags"] = list({tag["name"]: tag for tag in spec["tags"]}.values())
        for path in spec["paths"].values():
            for operation in path.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    name = operation["operationId"].split("_", 2)
                    operation["operationId"] = name[-1]
        return spec
