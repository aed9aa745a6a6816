"""A scripted OpenAI-compatible ``/embeddings`` over real HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from app.models.words import words

MODEL = "concepts"


class Embeddings:
    """Knows what some words mean: each is a concept, by its place in ``concepts``.

    A text's vector has a 1 for each concept it speaks of. While ``down`` it fails.
    ``asked`` are the texts of each request that it answered.
    """

    def __init__(self, *concepts: set[str]) -> None:
        self._concepts = concepts
        self.down = False
        self.asked: list[list[str]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "embedding_model": MODEL,
            "embedding_base_url": self.base_url,
            "embedding_api_key": "k",
        }

    def vector(self, text: str) -> list[float]:
        said = set(words(text))
        found = [float(bool(said & concept)) for concept in self._concepts]
        return [*found, 0.001]  # of what it knows nothing of

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                status, body = server.answer(self.path, json.loads(sent))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        if self.down:
            return 503, b"{}"
        if path != "/v1/embeddings" or asked["model"] != MODEL:
            return 404, b"{}"
        self.asked.append(asked["input"])
        data = [
            {"object": "embedding", "index": place, "embedding": self.vector(text)}
            for place, text in enumerate(asked["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        told = {"object": "list", "model": MODEL, "data": data, "usage": usage}
        return 200, json.dumps(told).encode()
