"""Words for people, a file per language."""

from app.texts import en, pt_br

LANGUAGES = {"en": en.TEXTS, "pt": pt_br.TEXTS}


def text(key: str, language: str = "en", **values: object) -> str:
    """Return the words for ``key``, with ``values`` in their places.

    Raises KeyError for a key that no language has.
    """
    return LANGUAGES.get(language, en.TEXTS)[key].format(**values)


def has_text(key: str) -> bool:
    return key in en.TEXTS
