"""An OpenAI-compatible ``/embeddings`` that costs little.

python benchmarks/knowledge_embeddings.py DIMENSIONS

Prints its port and serves until its input ends. A text's vector is one of a few that
were made before, and the same each time.
"""

import asyncio
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.upstream import BACKLOG, Connection

VECTORS = 64
MODEL = "made"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
USAGE = {"prompt_tokens": 1, "total_tokens": 1}


class Embeddings(Connection):
    vectors: list[list[float]]

    def _answer(self, request: dict[str, Any]) -> None:
        asked = request["input"]
        texts = [asked] if isinstance(asked, str) else asked
        data = [
            {"object": "embedding", "index": index, "embedding": self._of(text)}
            for index, text in enumerate(texts)
        ]
        answer = {"object": "list", "model": MODEL, "data": data, "usage": USAGE}
        body = json.dumps(answer).encode()
        self._transport.write(HEAD % len(body) + body)

    def _of(self, text: str) -> list[float]:
        return self.vectors[zlib.crc32(text.encode()) % VECTORS]


async def serve(dimensions: int) -> None:
    made = np.random.default_rng(1).standard_normal((VECTORS, dimensions))
    Embeddings.vectors = made.round(6).tolist()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Embeddings, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
