"""Words as the search sees them: cut, folded, stemmed.

A question is short, of an unknown language and often typed without accents. So
accents are folded first; the endings that Snowball knows only with an accent get
theirs back by rule (``-cao``, ``-coes`` → ``-ção``); and a question's word stands
for its stems in every language, while a document is stemmed in its own.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

from app.models.language import (
    ASKING_WORDS,
    JOINING_WORDS,
    LANGUAGES,
    POINTING_WORDS,
    STOP_WORDS,
)

LONGEST_WORD = 40
"""Characters kept of a word: what is longer is no word but, say, base64."""

# CJK has no spaces: a word a character.
_WORD = re.compile(r"[\u2e80-\u9fff]|[^\W_\u2e80-\u9fff]+")
_SNOWBALL = {"pt": "portuguese", "en": "english", "es": "spanish"}
_BEFORE = {
    "pt": (
        ("coes", "ção"),
        ("cao", "ção"),
        ("oes", "ão"),
        ("aes", "ão"),
        ("aos", "ão"),
        ("ao", "ão"),
        ("amentos", "ar"),
        ("amento", "ar"),
        ("ais", "al"),
        ("eis", "el"),
        ("ois", "ol"),
        ("uis", "ul"),
        ("il", "el"),
        ("ns", "m"),
        ("ses", "s"),
        ("zes", "z"),
    ),
    "es": (
        ("ciones", "ción"),
        ("cion", "ción"),
        ("siones", "sión"),
        ("sion", "sión"),
    ),
    "en": (),
}
# Before e and i the sounds of c and g are written qu and gu: troca, troque.
_SOUNDS = (("ifiqu", "if"), ("ific", "if"), ("qu", "c"), ("gu", "g"))
_AFTER = {
    "pt": (
        *_SOUNDS,
        ("olu", "olv"),
        ("us", "u"),
        ("ir", ""),
        ("em", ""),
        ("am", ""),
        ("e", ""),
        ("i", ""),
        ("o", ""),
    ),
    "es": (*_SOUNDS, ("olu", "olv")),
    "en": (("eri", ""), ("i", "")),
}
_SHORTEST_STEM = 3
_of_thread = threading.local()


@dataclass(frozen=True, slots=True)
class Asked:
    """A word of a question: the stems it may stand as.

    One that does not count helps to rank, and finds nothing by itself.
    """

    stems: frozenset[str]
    counts: bool


def words(text: str) -> Iterator[str]:
    """Yield the folded words of ``text``, in order, repetitions included."""
    return (word.group()[:LONGEST_WORD] for word in _WORD.finditer(fold(text)))


def fold(text: str) -> str:
    """Return ``text`` in lower case and without accents; its length may change."""
    text = text.lower()
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join(mark for mark in apart if not unicodedata.combining(mark))


@lru_cache(maxsize=8_192)
def stem(word: str, language: str) -> str:
    """Return the stem of a folded word; one with a digit is its own.

    Cached here once for all threads: a stemmer is not thread-safe, and its own
    cache would be one per thread.
    """
    if not word.isascii() or not word.isalpha():
        return word
    for ending, instead in _BEFORE[language]:
        if word.endswith(ending) and len(word) > len(ending) + ("ã" not in instead):
            word = word[: -len(ending)] + instead
            break
    word = fold(_stemmers()[language].stemWord(word))
    for ending, instead in _AFTER[language]:
        if word.endswith(ending) and len(word) >= len(ending) + _SHORTEST_STEM:
            return word[: -len(ending)] + instead
    return word


def terms(text: str, language: str) -> list[str]:
    """Return what a document's ``text`` is found by, repetitions included."""
    return [stem(word, language) for word in words(text)]


def content_words(text: str) -> list[str]:
    """Return the distinct words that say what a question is about.

    Neither stop words nor words that only ask: none in "And how much is it?".
    """
    return [
        word
        for word in dict.fromkeys(words(text))
        if word not in STOP_WORDS and word not in ASKING_WORDS
    ]


def points_back(text: str) -> bool:
    """Say whether a message reads as if it went on from the one before it."""
    first = _WORD.search(text)
    # Not folded: "É …?" begins a question of its own.
    if first and first.group().lower() in JOINING_WORDS:
        return True
    return not POINTING_WORDS.isdisjoint(words(text))


def content_stems(text: str) -> list[frozenset[str]]:
    """Return the stems of each content word: words meet that share one."""
    return _distinct(content_words(text))


def question_terms(text: str, *, limit: int = 48) -> list[Asked]:
    """Return the words of a question that a search looks for.

    Words that only ask help to rank ("how much is …" prefers the price). Without
    content words they are what is asked for, and without these ("who are you?")
    every word is. ``limit`` bounds the work that a pasted page makes.
    """
    telling = [word for word in dict.fromkeys(words(text)) if word not in STOP_WORDS]
    content = [word for word in telling if word not in ASKING_WORDS]
    counted = content or telling or list(dict.fromkeys(words(text)))
    asking = [word for word in telling if word not in counted]
    return [
        *(Asked(found, counts=True) for found in _distinct(counted)[:limit]),
        *(Asked(found, counts=False) for found in _distinct(asking)[:limit]),
    ]


def _distinct(found: list[str]) -> list[frozenset[str]]:
    return list(dict.fromkeys(stems(word) for word in found))


@lru_cache(maxsize=8_192)
def stems(word: str) -> frozenset[str]:
    """Return the stems of a folded word over all languages."""
    return frozenset(stem(word, language) for language in LANGUAGES)


def _stemmers() -> dict[str, Stemmer.Stemmer]:
    found: dict[str, Stemmer.Stemmer] | None = getattr(_of_thread, "stemmers", None)
    if found is None:
        found = {
            language: Stemmer.Stemmer(name, 0) for language, name in _SNOWBALL.items()
        }
        _of_thread.stemmers = found
    return found
