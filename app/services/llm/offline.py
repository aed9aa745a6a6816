"""Answers without a model: quotes from the documents, and says so."""

import re
from collections.abc import Iterator, Sequence

from app.models.document import Passage
from app.models.language import Language, detect_language
from app.models.words import content_words, stems, terms, words
from app.services.llm.port import Completion, CompletionRequest, Delta
from app.services.llm.tokens import estimate_tokens
from app.services.quoting import cut
from app.services.sentences import sentences
from app.services.splitting import is_heading
from app.texts import text

LEAST_COVERAGE = 0.6
"""Share of the question's content words that a passage must have to answer it.

Two of two, two of three, three of five: tuned on the questions of
``tests/unit/test_offline_provider.py``, with and without an answer."""

_WHOLE = 350
"""Characters of a passage that is quoted whole; of a longer one, the best sentences."""

_MOST_PASSAGES = 2
_CONTEXT = 0.4
_FIGURES = re.compile(r"\d")
_ASKS_FIGURES = re.compile(
    r"\b(?:quant[oa]s?|quando|prazo|hor[aá]rios?|custam?|pre[cç]os?|valor|how (?:much"
    r"|long|many)|when|price|cost|hours|cu[aá]nt[oa]s?|cu[aá]ndo|cuestan?)\b",
    re.IGNORECASE,
)
_MARK = re.compile(r"\[(\s*\d[\d\s,;-]*)\]")

_GREETINGS: dict[str, Language] = {
    **dict.fromkeys(("oi", "oie", "ola", "opa", "alo", "bom", "boa"), "pt"),
    **dict.fromkeys(("hello", "hi", "hey", "good", "greetings"), "en"),
    **dict.fromkeys(("hola", "buenos", "buenas"), "es"),
}
_THANKS: dict[str, Language] = {
    **dict.fromkeys(("obrigado", "obrigada", "valeu", "agradeco"), "pt"),
    **dict.fromkeys(("thanks", "thank", "thx"), "en"),
    "gracias": "es",
}
_PLEASANT = frozenset(
    """dia tarde noite morning afternoon evening day dias tardes noches tudo bem pessoal
    gente there everyone team all tal help ajuda ajudar""".split()  # noqa: SIM905 readable
)


class OfflineProvider:
    """Quotes what was found for the question, with marks; needs no key."""

    name = "offline"

    def complete(self, request: CompletionRequest) -> Iterator[Delta | Completion]:
        answer = ""
        for part in _answer(request):
            answer += part
            yield Delta(text=part)
        yield Completion(
            model=self.name,
            tokens_in=sum(
                estimate_tokens(message.text) for message in request.messages
            ),
            tokens_out=estimate_tokens(answer),
            estimated=True,
        )


def _answer(request: CompletionRequest) -> Iterator[str]:
    question = request.question
    name = request.assistant_name
    if greeted := _only(question, _GREETINGS, name=name):
        yield text("offline.greeting", greeted, name=name)
        return
    if thanked := _only(question, _THANKS, name=name):
        yield text("offline.thanks", thanked)
        return
    context = _context(request)
    fitting = _fitting(question, request.passages)
    language = _language(question, context, request.passages)
    if not fitting:
        yield text("offline.unknown", language)
        return
    yield text("offline.found", language)
    for number, passage in fitting:
        for sentence in _sentences(passage, question, context):
            yield " " + _MARK.sub(r"(\1)", " ".join(sentence.split()))
        yield f" [{number}]"


def _only(question: str, starts: dict[str, Language], *, name: str) -> Language | None:
    """Return the language of a message that is nothing but a greeting or thanks."""
    first = next(words(question), "")
    ignored = {*starts, *_PLEASANT, *_GREETINGS, *words(name)}
    if first in starts and not set(content_words(question)) - ignored:
        return starts[first]
    return None


def _language(
    question: str, context: str, passages: Sequence[Passage]
) -> Language | str:
    """Return the question's language, else the conversation's, else the find's."""
    for said in (question, context):
        found = detect_language(said, default=None)
        if found:
            return found
    return passages[0].chunk.language if passages else "en"


def _context(request: CompletionRequest) -> str:
    """Return the contact's latest earlier message with content words, or nothing."""
    earlier = [message.text for message in request.messages if message.role == "user"]
    return next((said for said in reversed(earlier[:-1]) if content_words(said)), "")


def _fitting(question: str, passages: Sequence[Passage]) -> list[tuple[int, Passage]]:
    """Return the passages that answer, with their numbers, the best first.

    A further one must bring words of the question that the best one lacks.
    """
    found = sorted(
        (
            (number, passage)
            for number, passage in enumerate(passages, 1)
            if passage.coverage >= LEAST_COVERAGE
        ),
        key=lambda item: -item[1].score * item[1].coverage,
    )
    asked = [stems(word) for word in content_words(question)]
    chosen: list[tuple[int, Passage]] = []
    for number, passage in found:
        having = _terms(passage)
        left = [word for word in asked if not word & having]
        if not chosen or len(left) < len(asked):
            chosen.append((number, passage))
        asked = left
        if not asked or len(chosen) == _MOST_PASSAGES:
            break
    return chosen


def _sentences(passage: Passage, question: str, context: str) -> list[str]:
    """Return the sentences to quote, in the passage's order: verbatim."""
    whole = passage.chunk.text
    places = [(a, b) for a, b in sentences(whole) if not is_heading(whole[a:b])]
    if not places:
        return [cut(whole)]
    if places[-1][1] - places[0][0] <= _WHOLE:
        return [whole[a:b] for a, b in places]
    scores = [_score(whole[a:b], passage, question, context) for a, b in places]
    best = max(range(len(places)), key=lambda place: scores[place])
    chosen = {best}
    after = best + 1
    if after < len(places) and places[after][1] - places[best][0] <= _WHOLE:
        chosen.add(after)
    return [cut(whole[slice(*places[place])], _WHOLE) for place in sorted(chosen)]


def _score(sentence: str, passage: Passage, question: str, context: str) -> float:
    having = set(terms(sentence, passage.chunk.language))
    asked = [stems(word) for word in content_words(question)]
    before = [stems(word) for word in content_words(context)]
    figures = _ASKS_FIGURES.search(question) and _FIGURES.search(sentence)
    return (
        sum(bool(word & having) for word in asked)
        + _CONTEXT * sum(bool(word & having) for word in before)
        + 0.5 * bool(figures)
    )


def _terms(passage: Passage) -> set[str]:
    chunk = passage.chunk
    return set(terms(f"{chunk.heading or ''} {chunk.text}", chunk.language))
