"""HTTP: who says what, and what they get."""

from apiflask import APIFlask

from app.routes import (
    assistants,
    auth,
    chats,
    docs,
    documents,
    health,
    posting,
    usage,
)


def register_routes(app: APIFlask) -> None:
    app.url_map.merge_slashes = False  # its redirect would repeat any Host header
    for module in (auth, assistants, posting, chats, documents, usage, health):
        app.register_blueprint(module.bp)
    app.register_blueprint(docs.bp)
