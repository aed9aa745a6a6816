"""Answers without a model: quotes from the documents, and says so."""

import re
from collections.abc import Iterator, Sequence

from app.models.document import Passage
from app.models.language import Language, detect_language
from app.models.words import content_stems, content_words, terms, words
from app.services.knowledge.splitting import is_heading
from app.services.llm.port import Completion, CompletionRequest, Delta
from app.services.llm.tokens import estimate_tokens
from app.services.quoting import cut, terms_of
from app.services.sentences import sentences
from app.texts import text

LEAST_COVERAGE = 0.6
"""Share of the question's content words that a passage must have to answer it.

Two of two, two of three, three of five: tuned on the questions of
``tests/unit/test_offline_provider.py``, with and without an answer."""

_WHOLE = 250
"""Characters of a passage that is quoted whole; of a longer one, the best sentences."""

_MOST_PASSAGES = 2
_CLOSE = 0.75
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

    def prepare(self) -> None:
        """Nothing is needed."""

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
    if greeted := _greeting(question, name):
        yield text("offline.greeting", greeted, name=name)
        return
    if thanked := _thanks(question, name):
        yield text("offline.thanks", thanked)
        return
    context = _context(request)
    fitting = _fitting(question, request.passages)
    language = _language(question, context, request)
    if not fitting:
        yield text("offline.unknown", language)
        return
    yield text("offline.found", language)
    for number, passage in fitting:
        for sentence in _sentences(passage, question, context):
            yield " " + _MARK.sub(r"(\1)", " ".join(sentence.split()))
        yield f" [{number}]"


def _greeting(question: str, name: str) -> Language | None:
    """Return the language of a message that only greets."""
    first = next(words(question), "")
    return _GREETINGS.get(first) if _only_pleasant(question, name) else None


def _thanks(question: str, name: str) -> Language | None:
    found = (_THANKS[word] for word in words(question) if word in _THANKS)
    return next(found, None) if _only_pleasant(question, name) else None


def _only_pleasant(question: str, name: str) -> bool:
    ignored = {*_GREETINGS, *_THANKS, *_PLEASANT, *words(name)}
    return not set(content_words(question)) - ignored


def _language(question: str, context: str, request: CompletionRequest) -> str:
    """Return the question's language, else the conversation's, else the assistant's."""
    for said in (question, context):
        found = detect_language(said, default=None)
        if found:
            return found
    if request.passages:
        return request.passages[0].chunk.language
    return detect_language(request.instructions)


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
        key=lambda item: -item[1].bm25 * item[1].coverage,
    )
    asked = content_stems(question)
    chosen: list[tuple[int, Passage]] = []
    for number, passage in found:
        left = [word for word in asked if not word & terms_of(passage.chunk)]
        close = not chosen or passage.bm25 >= _CLOSE * chosen[0][1].bm25
        if not chosen or (close and len(left) < len(asked)):
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
    if after < len(places) and "\n\n" not in whole[slice(*_between(places, best))]:
        chosen.add(after)
    return [cut(whole[slice(*places[place])], _WHOLE) for place in sorted(chosen)]


def _between(places: Sequence[tuple[int, int]], place: int) -> tuple[int, int]:
    return places[place][1], places[place + 1][0]


def _score(sentence: str, passage: Passage, question: str, context: str) -> float:
    having = set(terms(sentence, passage.chunk.language))
    figures = _ASKS_FIGURES.search(question) and _FIGURES.search(sentence)
    return (
        sum(bool(word & having) for word in content_stems(question))
        + _CONTEXT * sum(bool(word & having) for word in content_stems(context))
        + 0.5 * bool(figures)
    )
