"""The statements of the search index: what is written, what is asked and ranked."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import apsw

from app.models.document import Chunk
from app.models.search import Embedding, Hit
from app.models.words import Asked, terms
from app.repositories import search_vectors as vectors

_SATURATION, _LENGTH_SHARE = 1.2, 0.75
"""BM25's k1 and b, at their usual values (Robertson and Zaragoza, 2009)."""

_ASKING_WEIGHT = 0.5

_MOST_ROWS = 1_500
"""Postings that a question may make FTS5 rank: they cost about 1 µs each."""

_SPARE_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What the index keeps of a chunk."""

    chunk_id: str
    terms: list[str]
    embedding: Embedding | None


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a question: its stems here, and how many chunks have one."""

    stems: tuple[str, ...]
    chunks: int
    counts: bool


def row_of(chunk: Chunk) -> Row:
    """Return what is kept; its file's name and heading find a chunk too."""
    above = f"{chunk.filename.rpartition('.')[0]} {chunk.heading or ''}"
    found = terms(f"{above} {chunk.text}", chunk.language)
    return Row(chunk.id, found, chunk.embedding)


def insert(
    connection: apsw.Connection,
    assistant_id: str,
    key: str,
    rows: Sequence[Row],
) -> None:
    assistant = _assistant(connection, assistant_id)
    connection.execute(
        "INSERT INTO documents (assistant, key) VALUES (?, ?)", (assistant, key)
    )
    document = connection.last_insert_rowid()
    embeddings: list[tuple[int, Embedding]] = []
    for row in rows:
        # Two blanks between terms: each is found whole by " term ".
        connection.execute(
            "INSERT INTO chunks (document, id, words, terms) VALUES (?, ?, ?, ?)",
            (document, row.chunk_id, len(row.terms), f" {'  '.join(row.terms)} "),
        )
        number = connection.last_insert_rowid()
        connection.execute(
            "INSERT INTO terms (rowid, body) VALUES (?, ?)",
            (number, " ".join(f"{assistant}x{term}" for term in row.terms)),
        )
        if row.embedding:
            embeddings.append((number, row.embedding))
    vectors.insert(connection, assistant, document, embeddings)
    counted = ((len(row.terms), row.terms) for row in rows)
    _count(connection, assistant, counted, 1)


def delete(
    connection: apsw.Connection, assistant_id: str, keys: Collection[str]
) -> None:
    assistant = _assistant(connection, assistant_id)
    for key in keys:
        found = connection.execute(
            "DELETE FROM documents WHERE assistant = ? AND key = ? RETURNING number",
            (assistant, key),
        ).get
        if found is None:
            continue
        rows: list[tuple[int, int, str]] = connection.execute(  # type: ignore[assignment]
            "DELETE FROM chunks WHERE document = ? RETURNING number, words, terms",
            (found,),
        ).fetchall()
        connection.executemany(
            "DELETE FROM terms WHERE rowid = ?", [(number,) for number, *_ in rows]
        )
        vectors.delete(connection, assistant, int(found))
        _count(connection, assistant, ((w, body.split()) for _, w, body in rows), -1)


def keys(connection: apsw.Connection, assistant_id: str) -> set[str]:
    found = connection.execute(
        "SELECT key FROM documents WHERE assistant ="
        " (SELECT number FROM assistants WHERE id = ?)",
        (assistant_id,),
    )
    return {str(key) for (key,) in found}


def assistants(connection: apsw.Connection) -> set[str]:
    found = connection.execute(
        "SELECT id FROM assistants WHERE number IN (SELECT assistant FROM documents)"
    )
    return {str(name) for (name,) in found}


def search(
    connection: apsw.Connection,
    assistant_id: str,
    asked: Sequence[Asked],
    limit: int,
) -> list[Hit]:
    about = connection.execute(
        "SELECT number, chunks, words FROM assistants WHERE id = ?", (assistant_id,)
    ).fetchone()
    if about is None or not about[1]:
        return []
    assistant, chunks, length = about
    found = _known(connection, assistant, asked)
    if not any(word.counts for word in found):
        return []
    candidates = connection.execute(
        "SELECT id, words, terms FROM chunks WHERE number IN ("
        "SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank LIMIT ?)",
        (_match(assistant, found), 2 * limit + _SPARE_CANDIDATES),
    )
    weights = [
        (
            [f" {stem} " for stem in word.stems],
            math.log(1 + (chunks - word.chunks + 0.5) / (word.chunks + 0.5))
            * (1 if word.counts else _ASKING_WEIGHT),
            word.counts,
        )
        for word in found
    ]
    usual = length / chunks
    counted = sum(word.counts for word in asked)
    known = sum(weight for _, weight, counts in weights if counts)
    unknown = counted - sum(counts for *_, counts in weights)
    whole = known + unknown * math.log(1 + (chunks + 0.5) / 0.5)
    hits = []
    for chunk_id, words, body in candidates:
        flat = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * words / usual)
        score, weighed, having = 0.0, 0.0, 0
        for stems, weight, counts in weights:
            times = sum(map(body.count, stems))
            if times:
                having += counts
                weighed += weight * counts
                score += weight * times * (_SATURATION + 1) / (times + flat)
        hits.append(Hit(chunk_id, score, having / counted, weighed / whole))
    hits.sort(key=lambda hit: (-hit.score, hit.chunk_id))
    return hits[:limit]


def _known(
    connection: apsw.Connection, assistant: int, asked: Sequence[Asked]
) -> list[_Word]:
    """Return the words that this assistant's chunks have, the rarest first."""
    every = list({stem for word in asked for stem in word.stems})
    counts: dict[str, int] = dict(
        connection.execute(
            "SELECT term, chunks FROM counts WHERE assistant = ?"
            " AND term IN (SELECT value FROM json_each(?))",
            (assistant, json.dumps(every)),
        ).fetchall()  # type: ignore[arg-type]
    )
    found = []
    for word in asked:
        here = {stem: counts.get(stem, 0) for stem in word.stems}
        having = tuple(stem for stem, count in here.items() if count)
        if having:
            found.append(_Word(having, max(here.values()), word.counts))
    return sorted(found, key=lambda word: word.chunks)


def _match(assistant: int, found: Sequence[_Word]) -> str:
    """Return the FTS5 expression for the rarest words that stay within bounds.

    Words that half the chunks have rank next to nothing and cost most; they still
    count in the score of what the others found.
    """
    chosen: list[str] = []
    rows = 0
    for word in filter(lambda word: word.counts, found):
        rows += word.chunks
        if chosen and rows > _MOST_ROWS:
            break
        chosen += (f'"{assistant}x{stem}"' for stem in word.stems)
    return " OR ".join(chosen)


def _assistant(connection: apsw.Connection, assistant_id: str) -> int:
    connection.execute(
        "INSERT INTO assistants (id) VALUES (?) ON CONFLICT DO NOTHING",
        (assistant_id,),
    )
    return int(
        connection.execute(
            "SELECT number FROM assistants WHERE id = ?", (assistant_id,)
        ).get
    )


def _count(
    connection: apsw.Connection,
    assistant: int,
    rows: Iterable[tuple[int, Iterable[str]]],
    step: int,
) -> None:
    """Count chunks, given as words and terms, in (``step`` 1) or out (-1)."""
    chunks = words = 0
    having: Counter[str] = Counter()
    for length, found in rows:
        chunks += 1
        words += length
        having.update(set(found))
    connection.execute(
        "UPDATE assistants SET chunks = chunks + ?, words = words + ? WHERE number = ?",
        (step * chunks, step * words, assistant),
    )
    connection.executemany(
        "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO"
        " UPDATE SET chunks = chunks + excluded.chunks",
        [(assistant, term, step * count) for term, count in sorted(having.items())],
    )
    if step < 0:
        connection.executemany(
            "DELETE FROM counts WHERE assistant = ? AND term = ? AND chunks < 1",
            [(assistant, term) for term in having],
        )
