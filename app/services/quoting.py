"""Which passages an answer rests on, and the sentences to show for it."""

import re
from collections.abc import Sequence

from app.models.document import Chunk, Passage
from app.models.words import content_stems, terms
from app.services.knowledge.splitting import is_heading
from app.services.sentences import sentences

LONGEST_QUOTE = 300
_SHORT_QUOTE = 100
_MOST_CARRIERS = 3
_LEAST_SHARED = 2
_TELLING = 4
_HEADING_WEIGHT = 0.3
_LEAST_SHARE = 0.5
_DENIAL = 250
"""Characters of an answer within which a denial is all that it says."""

_DENIES = re.compile(
    r"\b(?:don.?t|do not|didn.?t|did not|could ?n.?t|could not|can.?t|cannot|not able"
    r" to|unable to|no) (?:know|find|found|have|see|locate|answer|information|mention"
    r")\b|\b(?:do|does|did)(?:n.?t| not) (?:say|state|mention|specify)\b"
    r"|\bn[ãa]o (?:sei|encontrei|encontramos|achei|tenho|temos informa|consta|localizei"
    r"|consegui|encontro|h[áa] informa|disponho|possuo|diz|menciona|informa|especifica)"
    r"|\bdesconhe[çz]"
    r"|\bno (?:lo )?(?:sé|encontré|encontramos|tengo|tenemos informaci|encuentro"
    r"|hay informaci|dispongo|dicen?\b|menciona|especifica|figura|consta)",
    re.IGNORECASE,
)


def denies(answer: str) -> bool:
    """Say whether an answer is a plain "I do not know"."""
    return len(answer) <= _DENIAL and bool(_DENIES.search(answer))


def carriers(
    passages: Sequence[Passage], *, answer: str, question: str
) -> list[Passage]:
    """Return the passages whose words carry the answer, best first.

    Counted are the answer's content words that the question did not bring. A
    passage carries it with half of them and at least two; a further one, up to
    three in all, must bring two words that those before it lack.
    """
    asked = _stems(question)
    said = [found for found in content_stems(answer) if not found & asked]
    found: list[Passage] = []
    left = set(range(len(said)))
    having = [
        {place for place in left if said[place] & known}
        for known in (terms_of(passage.chunk) for passage in passages)
    ]
    while left and len(found) < _MOST_CARRIERS:
        best = max(range(len(passages)), key=lambda index: len(having[index] & left))
        shared = having[best]
        if len(shared & left) < _LEAST_SHARED or (
            not found and len(shared) < _LEAST_SHARE * len(said)
        ):
            break
        found.append(passages[best])
        left -= shared
    return found


def quote(chunk: Chunk, *, answer: str, question: str) -> str:
    """Return the sentences of a chunk that best match answer and question.

    A part of the chunk's text, verbatim, of at most 300 characters.
    """
    text = chunk.text
    places = sentences(text)
    if not places:
        return text[:LONGEST_QUOTE].strip()
    said, asked = _stems(answer), _stems(question)
    scores = [_score(text[start:end], said=said, asked=asked) for start, end in places]
    best = max(range(len(places)), key=lambda index: scores[index])
    start, end = places[best]
    for after in range(best + 1, len(places)):
        if end - start >= _SHORT_QUOTE or not scores[after]:
            break
        if places[after][1] - start > LONGEST_QUOTE:
            break
        end = places[after][1]
    return cut(text[start:end])


def _score(sentence: str, *, said: set[str], asked: set[str]) -> float:
    """Return how well a sentence serves: 0 to 2.

    Up to 1 for the share of it that the answer says, full from four words on, and
    up to 1 for the words of the question that it takes up.
    """
    found = content_stems(sentence)
    shared = sum(bool(word & said) for word in found)
    taken = sum(bool(word & asked) for word in found)
    total = shared / max(len(found), 1) * min(1, shared / _TELLING)
    total += min(1, taken / _TELLING)
    return total * _HEADING_WEIGHT if is_heading(sentence) else total


def cut(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Return the beginning of ``text`` up to a blank within ``longest``."""
    if len(text) <= longest:
        return text
    end = text.rfind(" ", longest // 2, longest + 1)
    return text[: end if end > 0 else longest].rstrip()


def _stems(text: str) -> set[str]:
    return {stem for word in content_stems(text) for stem in word}


def terms_of(chunk: Chunk) -> set[str]:
    """Return what a chunk and its headings are found by."""
    return set(terms(f"{chunk.heading or ''} {chunk.text}", chunk.language))
