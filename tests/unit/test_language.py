import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.language import detect_language
from app.models.words import (
    LONGEST_WORD,
    content_words,
    fold,
    question_terms,
    stem,
    stems,
    terms,
    words,
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Você pode devolver em até 7 dias", "pt"),
        ("quanto custa?", "pt"),
        ("E para Manaus?", "pt"),
        ("bom dia", "pt"),
        ("How much is it?", "en"),
        ("Do you deliver to São Paulo?", "en"),
        ("DO YOU DELIVER TO MY CITY?", "en"),
        ("¿Cuánto cuesta?", "es"),
        ("y a Manaus?", "es"),
        ("garantia", "en"),
        ("a", "en"),
        ("", "en"),
        ("1234 !?", "en"),
    ],
)
def test_stop_words_and_letters_tell_the_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_an_undetermined_text_takes_the_default() -> None:
    assert detect_language("garantia", default="pt") == "pt"
    assert detect_language("garantia", default=None) is None


@pytest.mark.parametrize(
    ("language", "group"),
    [
        ("pt", "devolução devoluções devolucao devolucoes devolver"),
        ("pt", "entrega entregas entregar entregam"),
        ("pt", "pagamento pagamentos pagar"),
        ("pt", "possível possíveis possivel possiveis"),
        ("pt", "papel papéis papeis"),
        ("pt", "cartão cartões cartao cartoes"),
        ("pt", "pão pães pao paes"),
        ("pt", "mês meses mes"),
        ("pt", "viagem viagens"),
        ("pt", "fácil fáceis facil"),
        ("pt", "horário horários horario"),
        ("pt", "abre abrem abrir"),
        ("pt", "pneu pneus"),
        ("pt", "trocar troca troque"),
        ("pt", "lubrificar lubrifico lubrifique"),
        ("pt", "chegar chegue cheguei"),
        ("es", "buscar busco busque"),
        ("pt", "preço preços preco"),
        ("en", "delivery deliver deliveries delivered"),
        ("en", "warranty warranties"),
        ("en", "wrap wrapping wrapped"),
        ("es", "devolución devoluciones devolucion devolver"),
        ("es", "envío envíos envio"),
    ],
)
def test_forms_of_a_word_meet_with_and_without_accents(
    language: str, group: str
) -> None:
    assert len({stem(fold(word), language) for word in group.split()}) == 1


def test_a_question_meets_a_document_of_any_language() -> None:
    for language in ("pt", "en", "es"):
        for word in ("devolução", "delivery", "envíos", "Manaus"):
            assert set(terms(word, language)) <= stems(fold(word))


def test_figures_and_signs_part_words() -> None:
    assert list(words("R$ 29,90 por_mês – 24h, 返品")) == [
        "r", "29", "90", "por", "mes", "24h", "返", "品",
    ]  # fmt: skip


def test_what_is_no_word_is_cut() -> None:
    assert [len(word) for word in words("x" * 5000)] == [LONGEST_WORD]


def test_content_words_neither_bind_nor_ask() -> None:
    assert content_words("And how much is it?") == []
    assert content_words("Quanto custa a entrega em Manaus?") == ["entrega", "manaus"]


def test_words_that_only_ask_count_when_there_are_no_others() -> None:
    assert [word.counts for word in question_terms("Quanto custa a caixa?")] == [
        True,
        False,
    ]
    assert all(word.counts for word in question_terms("quanto custa?"))
    assert all(word.counts for word in question_terms("who are you?"))


def test_a_pasted_page_asks_for_a_bounded_number_of_words() -> None:
    assert len(question_terms(" ".join(f"word{n}" for n in range(5000)))) == 48


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_terms_without_blanks(text: str) -> None:
    for language in ("pt", "en", "es"):
        assert all(term and not term.isspace() for term in terms(text, language))
    question_terms(text)
    detect_language(text)


def test_threads_stem_alike() -> None:
    found: list[list[str]] = []
    text = "devoluções entregas garantias " * 300

    def run() -> None:
        stem.cache_clear()
        found.append(terms(text, "pt"))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [terms(text, "pt")] * 8
