from apiflask import APIFlask

from app import VERSION
from app.config import Settings
from app.routes import register_routes
from app.routes.credentials import set_up_tokens
from app.routes.edges import register_edges
from app.routes.errors import register_error_handlers
from app.routes.json import StrictJSONProvider, StrictRequest
from app.routes.openapi import describe_api
from app.wiring import build_services


def create_app(settings: Settings) -> APIFlask:
    """Build the application; no thread runs and nothing but the store is opened.

    Raises ConfigurationError.
    """
    app = APIFlask(
        "app",
        title="Orquestradora",
        version=VERSION,
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type] # Flask takes None for none
    )
    app.request_class = StrictRequest
    app.json = StrictJSONProvider(app)
    services = build_services(settings)
    app.extensions["services"] = services
    set_up_tokens(app, settings, services.keyring.token_keys())
    describe_api(app)
    register_edges(app, settings)
    register_error_handlers(app)
    register_routes(app)
    return app
