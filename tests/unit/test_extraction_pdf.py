"""What PDF files say, and where."""

import pytest

from tests.support.made_pdf import MadePdf, stream, written
from tests.support.reading import lines, read, reason, titles

CHAPTERS = [
    "Capa",
    "1 Trocas\nO prazo é de 30 dias.\n1.1 Exceções\nSob medida não.",
    "2 Garantia\nNoventa dias.",
]


def test_pages_keep_their_numbers() -> None:
    extract = read(MadePdf(CHAPTERS).data(), "pdf")

    assert [number for _, number in extract.pages] == [1, 2, 3]
    assert extract.text[extract.pages[2][0] :] == "2 Garantia\nNoventa dias.\n"


def test_the_outline_gives_headings_that_stand_where_their_titles_do() -> None:
    outline = [(1, 1, "Trocas"), (1, 2, "1.1  exceções"), (2, 1, "2 Garantia")]
    extract = read(MadePdf(CHAPTERS, outline=outline).data(), "pdf")

    assert [(h.level, h.title) for h in extract.headings] == [
        (1, "Trocas"),
        (2, "1.1 exceções"),
        (1, "2 Garantia"),
    ]
    assert [extract.text[h.start : h.end] for h in extract.headings] == [
        "1 Trocas\n",
        "1.1 Exceções\n",
        "2 Garantia\n",
    ]


def test_a_heading_that_its_page_does_not_show_stands_at_its_top() -> None:
    extract = read(MadePdf(CHAPTERS, outline=[(2, 1, "Anexo")]).data(), "pdf")

    (heading,) = extract.headings
    assert heading.start == heading.end == extract.pages[2][0]
    assert titles(extract) == [(1, "Anexo")]


def test_words_that_a_line_end_broke_are_joined() -> None:
    page = "A devolu-\nção é grátis. O trem Rio-\nSantos parte."

    assert lines(MadePdf([page]).data(), "pdf") == [
        "A devolução é grátis. O trem Rio-Santos parte."
    ]


def test_what_repeats_at_the_edge_of_the_pages_is_said_once() -> None:
    pages = [
        f"Manual da Loja\nAssunto {'abcdefgh'[n]}\nTexto comum\nPágina {n + 1} de 8"
        for n in range(8)
    ]
    found = lines(MadePdf(pages).data(), "pdf")

    assert found.count("Manual da Loja") == 1
    assert [line for line in found if line.startswith("Página")] == ["Página 1 de 8"]
    assert [line for line in found if line.startswith("Assunto")] == [
        f"Assunto {letter}" for letter in "abcdefgh"
    ]


def test_few_pages_that_look_alike_lose_nothing() -> None:
    pages = ["Contrato\nParte A", "Contrato\nParte B"]
    assert lines(MadePdf(pages).data(), "pdf").count("Contrato") == 2


def test_a_locked_file_asks_for_one_without_a_password() -> None:
    assert reason(MadePdf(["segredo"], encrypted=True).data(), "pdf") == "encrypted"


def test_pages_that_are_pictures_have_no_text() -> None:
    assert reason(MadePdf(["", "", ""]).data(), "pdf") == "no_text"


def test_a_file_whose_table_of_objects_is_broken_is_read_all_the_same() -> None:
    data = MadePdf(["Olá, você"]).data()
    broken = data.replace(b"startxref\n", b"startxref\n9")
    assert broken != data

    assert lines(broken, "pdf") == ["Olá, você"]


@pytest.mark.parametrize("kids", ["[2 0 R]", "[2 0 R 2 0 R 4 0 R]", "[9 0 R]"])
def test_a_page_tree_in_a_loop_ends(kids: str) -> None:
    objects = MadePdf(["Olá"]).objects()
    objects[2] = f"<< /Type /Pages /Count 3 /Kids {kids} >>".encode()

    assert reason(written(objects), "pdf") in {None, "broken", "no_text"}


def test_an_outline_in_a_loop_ends() -> None:
    made = MadePdf(CHAPTERS, outline=[(1, 1, "Trocas"), (2, 1, "Garantia")])
    objects = made.objects()
    last = max(objects)
    looping = objects[last].replace(b">>", b"/Next %d 0 R >>" % (last - 1))
    objects[last] = looping[: looping.rindex(b"/Next")] + b"/Next %d 0 R >>" % (
        last - 1
    )

    assert read(written(objects), "pdf").headings


def test_a_page_that_draws_itself_ends() -> None:
    objects = MadePdf(["Olá"]).objects()
    objects[20] = stream(b"/X Do").replace(
        b"<<",
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9]"
        b" /Resources << /XObject << /X 20 0 R >> >>",
    )
    objects[4] = objects[4].replace(b"/Font", b"/XObject << /X 20 0 R >> /Font")
    objects[5] = stream(b"/X Do BT /F1 11 Tf (Ol\xe1) Tj ET")

    assert lines(written(objects), "pdf") == ["Olá"]
