"""HTTP: who says what, and what they get."""

from apiflask import APIFlask

from app.routes import (
    assistants,
    attendance,
    auth,
    chats,
    docs,
    documents,
    events,
    health,
    keys,
    outbox,
    portability,
    posting,
    search,
    uploads,
    usage,
    users,
)


def register_routes(app: APIFlask) -> None:
    app.url_map.merge_slashes = False  # its redirect would repeat any Host header
    for module in (
        auth,
        users,
        assistants,
        keys,
        portability,
        posting,
        search,
        outbox,
        chats,
        attendance,
        events,
        uploads,
        documents,
        usage,
        health,
        docs,
    ):
        app.register_blueprint(module.bp)
