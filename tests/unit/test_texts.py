"""Both languages say the same things."""

import string
from collections.abc import Iterator

import pytest

from app import errors
from app.errors import AppError
from app.routes.errors import CODES
from app.texts import LANGUAGES, has_text, text

PLACES = {"reason", "expected", "limit"}


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def codes() -> Iterator[str]:
    for found in vars(errors).values():
        if isinstance(found, type) and issubclass(found, AppError):
            yield found.words or found.code
    yield from CODES.values()


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(LANGUAGES["en"]) == list(LANGUAGES["pt"])


@pytest.mark.parametrize("key", LANGUAGES["en"])
def test_both_languages_have_the_same_places(key: str) -> None:
    assert placeholders(LANGUAGES["en"][key]) == placeholders(LANGUAGES["pt"][key])


@pytest.mark.parametrize("key", LANGUAGES["en"])
def test_nothing_is_left_untranslated_or_empty(key: str) -> None:
    english, portuguese = LANGUAGES["en"][key], LANGUAGES["pt"][key]

    assert english.strip()
    assert portuguese.strip()
    assert english != portuguese


@pytest.mark.parametrize("code", sorted(set(codes())))
def test_every_error_code_has_its_words(code: str) -> None:
    assert has_text(f"error.{code}")
    assert placeholders(LANGUAGES["en"][f"error.{code}"]) <= PLACES


def test_no_words_are_left_over() -> None:
    said = {key.removeprefix("error.") for key in LANGUAGES["en"] if "error." in key}

    assert said == set(codes())


def test_codes_are_plain_names_and_belong_to_one_status() -> None:
    found: dict[str, int] = {}
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, AppError):
            assert error.code.replace("_", "").isalpha()
            assert error.code.islower()
            assert found.setdefault(error.code, error.status) == error.status


def test_an_unknown_language_is_answered_in_english() -> None:
    assert text("error.busy", "de") == text("error.busy")
