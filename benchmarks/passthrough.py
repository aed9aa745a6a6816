"""The least that Flask and waitress can do between a bot and a model.

python benchmarks/passthrough.py UPSTREAM_PORT THREADS

It reads JSON, asks the upstream on its thread's own connection and returns JSON:
no store, no history, no key. Prints its address and serves until it is ended.
"""

import http.client
import json
import sys
import threading
from typing import Any

from flask import Flask, Response, jsonify, request
from waitress.server import create_server

CONNECTIONS = 2000
PROMPT = "You answer for a shop, briefly and politely."


def make_app(upstream_port: int) -> Flask:
    app = Flask(__name__)
    threads = threading.local()

    def connection() -> http.client.HTTPConnection:
        if not hasattr(threads, "upstream"):
            threads.upstream = http.client.HTTPConnection("127.0.0.1", upstream_port)
        kept: http.client.HTTPConnection = threads.upstream
        return kept

    @app.post("/chats/enviarMensagemLLM")
    def post_message() -> Response:
        asked: dict[str, Any] = request.get_json()
        messages = [
            {"role": "system", "content": PROMPT},
            {"role": "user", "content": asked["message"]},
        ]
        upstream = connection()
        upstream.request(
            "POST",
            "/v1/chat/completions",
            json.dumps({"model": "scripted", "messages": messages}),
            {"Content-Type": "application/json"},
        )
        answer = json.loads(upstream.getresponse().read())
        return jsonify(response=answer["choices"][0]["message"]["content"])

    return app


def main() -> None:
    upstream_port, threads = map(int, sys.argv[1:])
    server = create_server(
        make_app(upstream_port),
        host="127.0.0.1",
        port=0,
        threads=threads,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,
        ident=None,
    )
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
