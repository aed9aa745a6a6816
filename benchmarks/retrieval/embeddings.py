"""An OpenAI-compatible ``/embeddings`` that knows how words are spelled.

python benchmarks/retrieval/embeddings.py

Prints its port and serves until its input ends. A text's vector is the sum of its
words' parts, each at a place that its hash chooses: alike are texts of alike words.
It knows no meaning, so it says nothing about how well real models do.
"""

import asyncio
import json
import math
import sys
import zlib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.models.language import STOP_WORDS
from app.models.words import words
from benchmarks.upstream import BACKLOG, Connection

DIMENSIONS = 512
PART = 4
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class Embeddings(Connection):
    def _answer(self, request: dict[str, Any]) -> None:
        asked = request["input"]
        texts = [asked] if isinstance(asked, str) else asked
        data = [
            {"object": "embedding", "index": index, "embedding": vector_of(text)}
            for index, text in enumerate(texts)
        ]
        used = {"prompt_tokens": 1, "total_tokens": 1}
        answer = {"object": "list", "model": "spelling", "data": data, "usage": used}
        body = json.dumps(answer).encode()
        self._transport.write(HEAD % len(body) + body)


def vector_of(text: str) -> list[float]:
    """Return a vector, the same each time and not of length 1."""
    made = np.zeros(DIMENSIONS)
    counted = Counter(word for word in words(text) if word not in STOP_WORDS)
    for word, times in counted.items():
        places, signs = _parts(word)
        np.add.at(made, places, signs * (1 + math.log(times)))
    if not made.any():
        made[0] = 1.0
    return [round(float(value), 4) for value in made]


@lru_cache(maxsize=100_000)
def _parts(word: str) -> tuple[Any, Any]:
    """Return where the parts of a word stand, and what each adds there."""
    marked = f"<{word}>"
    last = max(len(marked) - PART, 0)
    parts = [marked, *(marked[at : at + PART] for at in range(last + 1))]
    hashes = np.array([zlib.crc32(part.encode()) for part in parts])
    signs = np.where(hashes & 1, 1.0, -1.0) / math.sqrt(len(parts))
    return (hashes >> 1) % DIMENSIONS, signs


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Embeddings, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
