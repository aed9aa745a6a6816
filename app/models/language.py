"""Which language a text is in, by its stop words and special characters."""

import re
from typing import Literal, overload

Language = Literal["en", "pt", "es"]
LANGUAGES: tuple[Language, ...] = ("pt", "en", "es")

_ENOUGH = 20_000
"""Characters looked at: more do not change the answer."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PT = _set(
    """a à ao aos aquela aquelas aquele aqueles aquilo as às até bem bom com como da
    das de dela delas dele deles depois do dos e é ela elas ele eles em entre era eram
    essa essas esse esses esta está estão estas este estes estou eu foi foram fosse
    gostaria há isso isto já la lá lhe lhes lo mais mas me meu meus minha minhas muito
    muita muitos na não nas nem no nos nós nossa nossas nosso nossos num numa o olá os
    ou para pela pelas pelo pelos pode podem poderia podemos por porque posso preciso
    pra pro qual quais quando quanto quanta quantos quantas que quê quem quer quero
    são se seja sem ser será seria seu seus sim só sobre sua suas também te tem têm
    temos tenho ter teu teus tinha tive tu tua tudo um uma umas uns vai vão você vocês
    vou oi onde faz fazem fazer faço favor quero queria existe existem
    algum alguma alguns algumas obrigado obrigada valeu ok certo beleza"""
)
_EN = _set(
    """a about after all also am an and any are as at be because been before being but
    by can could d did didn do does doesn doing don down each few for from further had
    has hasn have haven having he hello her here hers hi him his how i if in into is
    isn it its just ll let m may me might more most much must my no nor not of off on
    once only or other our ours out over own please re s same shall she should so some
    such t than that the their theirs them then there these they this those through to
    too under until up us ve very was wasn we were what when where which while who
    whom why will with won would you your yours many want need know tell thank thanks
    okay"""
)
_ES = _set(
    """a al algo algún alguna algunos ante antes como cómo con cual cuál cuáles cuando
    cuándo cuanto cuánto cuánta cuántos de del desde donde dónde dos el él ella ellas
    ellos en entre era es esa esas ese eso esos está están estamos estar este esta
    estas esto estos fue fueron ha hacen hace han hasta hay hola la las le les lo los
    más me mi mis mucho muy nada ni no nos nosotros o os otra otro para pero poco por
    porque puede pueden puedo que qué quien quién quiero se sea ser si sí sin sobre
    son soy su sus también te tiene tienen tengo ti todo todos tu tú un una uno unos
    usted ustedes vosotros y ya yo gracias"""
)


def _folded(found: frozenset[str]) -> frozenset[str]:
    accents = str.maketrans("áàâãéêíóôõúüñç", "aaaaeeiooouunc")
    return frozenset(word.translate(accents) for word in found)


STOP_WORDS = _folded(_PT | _EN | _ES)
"""Words, folded, that say nothing about what a question is after."""

ASKING_WORDS = _set(
    """custa custam custar custo custos preco precos valor valores demora demoram leva
    levam funciona funcionam possivel saber informacao informacoes prazo quantia
    cost costs price prices take takes long often work works possible information
    cuesta cuestan precio precios tarda tardan funcionan posible"""
)
"""Words, folded, that ask for a property and do not say of what."""

JOINING_WORDS = _set("""e mas então and but so y pero entonces""")
"""Words with which a message goes on from the one before it."""

POINTING_WORDS = _set(
    """isso isto disso disto nisso ele ela eles elas dele dela deles delas nele nela
    it its that this they them those these eso esto ello"""
)
"""Words, folded, that stand for something named before."""

_COMMON: dict[Language, frozenset[str]] = {
    "pt": _PT | _folded(_PT),
    "en": _EN,
    "es": _ES | _folded(_ES),
}
_LETTERS: dict[Language, frozenset[str]] = {
    "pt": frozenset("ãõçâêô"),
    "es": frozenset("ñ¿¡"),
}
_WORD = re.compile(r"[^\W\d_]+|[¿¡]")


@overload
def detect_language(text: str, *, default: Language = "en") -> Language: ...
@overload
def detect_language(text: str, *, default: None) -> Language | None: ...
def detect_language(text: str, *, default: Language | None = "en") -> Language | None:
    """Return the language of ``text``, ``default`` when nothing tells.

    A stop word counts for every language that has it, shared evenly. Words that
    Portuguese and Spanish share decide for Portuguese.
    """
    found = _WORD.findall(text[:_ENOUGH])
    # Names tell nothing: "Do you deliver to São Paulo?" But SHOUTING has no others.
    plain = found[:1] + [word for word in found[1:] if word.islower()]
    scores: dict[Language, float] = dict.fromkeys(LANGUAGES, 0.0)
    for word in plain if len(plain) > 1 else found:
        word = word.lower()  # noqa: PLW2901 the same word
        having = [language for language in LANGUAGES if word in _COMMON[language]]
        for language in having:
            scores[language] += 1 / len(having)
        for language, letters in _LETTERS.items():
            scores[language] += not letters.isdisjoint(word)
    best = max(LANGUAGES, key=lambda language: scores[language])
    others = max(scores[other] for other in LANGUAGES if other != best)
    if scores[best] > others or scores["pt"] == scores["es"] > scores["en"]:
        return best
    return default
