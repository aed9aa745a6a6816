"""Made text that a search index takes for real: words as frequent as in a language.

Common words come first, as they are; the others are made of syllables and of the
endings that a stemmer looks for. How often each stands follows Zipf's law, and each
document prefers some words of its own.
"""

import random
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from tests.support.made_pdf import MadePdf

LANGUAGES = ("pt", "en")
WORDS = 30_000
OWN, OWN_SHARE = 200, 0.25
SENTENCE = (8, 20)
LINE = 85
PIECE = 1_000  # characters, as documents are split
QUESTION = (3, 8)

_COMMON = {
    "pt": """de a o que e do da em um para é com não uma os no se na por mais as dos
    como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também
    só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse
    eles estão você tinha foram essa num nem suas meu às minha têm numa pelos""",
    "en": """the of and to in a is that for it as was with be by on not he i this are
    or his from at which but have an had they you were their one all we can her has
    there been if more when will would who so no out up into them then she its about
    some other only new these time two may do first any my now such like our over""",
}
_ENDINGS = {
    "pt": """a o as os ar er ir ado ada ados ando endo ção ções mente dade dades ável
    ível ência ário ária oso osa ismo ista ura agem eiro eira al ais el éis ês ão ões
    amento amentos ou iam aram""",
    "en": """e s ed ing er ers tion tions ness ly able ible ment ments ity ities al ous
    ive ize ized izes est ful less ance ence ship ary""",
}
_ONSETS = "b c d f g l m n p r s t v br cr dr fr gr pr tr pl cl fl qu ch"
_CODAS = ("", "", "", "", "n", "r", "s", "l", "m")


@cache
def vocabulary(language: str) -> list[str]:
    """Return its words, the most frequent first."""
    made = random.Random(language)
    onsets, endings = _ONSETS.split(), _ENDINGS[language].split()
    words = dict.fromkeys(_COMMON[language].split())
    while len(words) < WORDS:
        count = made.choice((1, 2, 2, 2, 3))
        syllables = (
            made.choice(onsets) + made.choice("aeiou") + made.choice(_CODAS)
            for _ in range(count)
        )
        words["".join(syllables) + made.choice(endings)] = None
    return list(words)


class Writer:
    """Writes the text of one document, the same for the same seed."""

    def __init__(self, language: str, seed: int) -> None:
        self._words = vocabulary(language)
        self._draws = np.random.default_rng([seed, LANGUAGES.index(language)])
        self._common = len(_COMMON[language].split())
        self._own = self._draws.integers(self._common, WORDS, OWN)
        self._sentences = self._write()

    def sentences(self, length: int) -> str:
        """Return sentences that together have that many characters, or some more."""
        found: list[str] = []
        while length > 0:
            sentence = next(self._sentences)
            found.append(sentence)
            length -= len(sentence) + 1
        return " ".join(found)

    def page(self, words: int = 500) -> str:
        """Return the lines of a page."""
        found: list[str] = []
        while words > 0:
            paragraph = list(islice(self._sentences, 5))
            found += textwrap.wrap(" ".join(paragraph), LINE)
            words -= sum(len(sentence.split()) for sentence in paragraph)
        return "\n".join(found)

    def _write(self) -> Iterator[str]:
        frequencies = 1 / (np.arange(WORDS) + 2.7)
        reach = np.cumsum(frequencies / frequencies.sum())
        while True:
            chosen = np.searchsorted(reach, self._draws.random(5_000))
            of_its_own = self._draws.random(5_000) < OWN_SHARE
            of_its_own &= chosen >= self._common
            replaced = self._own[self._draws.integers(0, OWN, 5_000)]
            words = [self._words[at] for at in np.where(of_its_own, replaced, chosen)]
            start = 0
            for length in self._draws.integers(*SENTENCE, 200).tolist():
                yield " ".join(words[start : start + length]).capitalize() + "."
                start += length


def question(text: str, draws: random.Random) -> str:
    """Return three to eight words as they stand in a text."""
    words = text.split()
    length = draws.randint(*QUESTION)
    start = draws.randrange(len(words) - length)
    return " ".join(words[start : start + length]).lower().replace(".", "")


@dataclass(frozen=True, slots=True)
class Made:
    """A document; ``mark`` is a word that only its last page has."""

    filename: str
    pdf: bytes
    text: str
    mark: str


def made_document(pages: int, seed: int) -> Made:
    """Return a document of full pages, in one language or the other."""
    writer = Writer(LANGUAGES[seed % len(LANGUAGES)], seed)
    mark = f"ref{seed:05}x{pages}"
    texts = [writer.page() for _ in range(pages)]
    texts[-1] += f"\nProtocolo {mark}."
    return Made(f"handbook {seed}.pdf", MadePdf(texts).data(), "\n".join(texts), mark)
