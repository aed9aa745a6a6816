"""What pages of the web, mail, and files of plain text say."""

import json
from email.message import EmailMessage

import pytest

from tests.support.reading import lines, read, reason, titles

PAGE = """\
<!doctype html><html><head><title>Trocas | Loja</title>
<style>p { color: red }</style><script>alert("não")</script></head><body>
<nav><a href="/">Início</a></nav>
<main><h1>Trocas <small>e devoluções</small></h1>
<p>O prazo é de <b>30&nbsp;dias</b>,
contados da entrega.<br>Guarde a nota.</p>
<p hidden>oculto</p><p style="display: none">oculto</p>
<h2>Como pedir</h2><ol start="3"><li>Abra o site</li><li>Escolha:
<ul><li>troca</li><li>devolução</li></ul></li></ol>
<table><tr><th>Produto</th><th>Prazo</th></tr>
<tr><td rowspan="2">Caneca</td><td>30 dias</td></tr><tr><td>60 dias</td></tr></table>
<pre>linha 1
  linha 2</pre></main>
<aside>Propaganda</aside><footer>Rodapé</footer></body></html>"""


def test_a_page_gives_its_main_text_with_headings_lists_and_tables() -> None:
    extract = read(PAGE, "html")

    assert titles(extract) == [(1, "Trocas e devoluções"), (2, "Como pedir")]
    assert [line for line in extract.text.split("\n") if line] == [
        "Trocas e devoluções",
        "O prazo é de 30 dias, contados da entrega.",
        "Guarde a nota.",
        "Como pedir",
        "3. Abra o site",
        "4. Escolha:",
        "  - troca",
        "  - devolução",
        "Produto: Caneca; Prazo: 30 dias",
        "Produto: Caneca; Prazo: 60 dias",
        "linha 1",
        "  linha 2",
    ]


def test_a_page_without_a_heading_has_its_title() -> None:
    page = "<title>Sobre nós</title><div>Somos uma loja.</div><div>De canecas.</div>"

    assert titles(read(page, "html")) == [(1, "Sobre nós")]
    assert lines(page, "htm") == ["Sobre nós", "Somos uma loja.", "De canecas."]


def test_a_main_part_of_a_few_words_is_not_the_main_part() -> None:
    page = f"<main>Carregando</main><div>{'A devolução é grátis. ' * 20}</div>"

    assert "devolução" in read(page, "html").text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "koi8-r", "utf-16"])
def test_a_page_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    words = "Цена" if encoding == "koi8-r" else "Preço à vista"
    page = f'<meta http-equiv="Content-Type" content="text/html; charset={encoding}">'

    assert lines(f"{page}<p>{words}</p>".encode(encoding), "html") == [words]


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "klingon"])
def test_a_page_that_names_no_charset_of_the_web_is_read_as_what_it_is(
    name: str,
) -> None:
    page = f"<meta charset={name}><p>Preço \\u0041 {'a-b' * 300_000}</p>"

    assert lines(page, "html") == [f"Preço \\u0041 {'a-b' * 300_000}"]


def test_a_page_that_nests_deeper_than_anyone_reads_is_read() -> None:
    page = "<div>" * 20_000 + "fundo" + "</div>" * 20_000
    assert reason(page, "html") in {None, "empty", "broken"}


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_rows_of_any_delimiter_and_encoding_have_their_column_names(
    delimiter: str, encoding: str
) -> None:
    rows = [
        ["Nome", "Preço", "Descrição"],
        ["Caneca", '"29,90"', '"azul; de\nlouça, 300 ml"'],
        ["Boné", "59", ""],
    ]
    data = "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)

    assert lines(data, "csv") == [
        "Nome: Caneca; Preço: 29,90; Descrição: azul; de louça, 300 ml",
        "Nome: Boné; Preço: 59",
    ]


def test_a_delimiter_that_the_file_states_is_taken() -> None:
    assert lines("sep=|\nNome|Preço\nCaneca|29,90\n", "csv") == [
        "Nome: Caneca; Preço: 29,90"
    ]


def test_rows_without_column_names_stay_as_they_are() -> None:
    assert lines("1;2;3\n4;5;6\n", "csv") == ["1; 2; 3", "4; 5; 6"]
    assert lines("Prazo;30 dias\nFrete;grátis\n", "csv") == [
        "Prazo; 30 dias",
        "Frete; grátis",
    ]


def test_values_of_json_stand_behind_their_path() -> None:
    value = {
        "loja": "Canecas & Cia",
        "aberta": True,
        "fechada_em": None,
        "contato": {"fone": "11 5555", "redes": ["x", "y"]},
        "produtos": [
            {"nome": "Caneca", "preço": 29.90, "cores": ["azul"], "medida": {"cm": 9}},
            {"nome": "Boné", "lojas": [{"uf": "SP"}]},
        ],
    }
    text = json.dumps(value, ensure_ascii=False).replace("29.9", "29.90")
    extract = read(text, "json")

    assert titles(extract) == [(1, "contato"), (1, "produtos")]
    assert [line for line in extract.text.split("\n") if line] == [
        "loja: Canecas & Cia",
        "aberta: true",
        "contato",
        "contato.fone: 11 5555",
        "contato.redes: x, y",
        "produtos",
        "produtos: nome: Caneca; preço: 29.90; cores: azul; medida.cm: 9",
        "produtos: nome: Boné; lojas[1].uf: SP",
    ]


def test_a_list_of_json_is_rows_also_when_each_is_a_line_of_its_own() -> None:
    rows = ['{"nome": "Caneca"}', '{"nome": "Boné"}']

    assert lines(f"[{','.join(rows)}]", "json") == ["nome: Caneca", "nome: Boné"]
    assert lines("\n".join(rows), "json") == ["nome: Caneca", "nome: Boné"]


def test_a_mail_says_who_wrote_what_when_and_what_is_attached() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Dúvida sobre devolução"
    mail["From"] = "Conceição <c@example.com>"
    mail["To"] = "loja@example.com"
    mail["Date"] = "Tue, 05 Mar 2024 14:30:00 -0300"
    mail.set_content("Olá!\n\nPosso devolver a caneca?\n")
    mail.add_alternative("<p>Olá em HTML</p>", subtype="html")
    mail.add_attachment(
        b"%PDF-", maintype="application", subtype="pdf", filename="nota.pdf"
    )

    assert titles(read(bytes(mail), "eml")) == [(1, "Dúvida sobre devolução")]
    assert lines(bytes(mail), "eml") == [
        "Dúvida sobre devolução",
        "From: Conceição <c@example.com>",
        "To: loja@example.com",
        "Date: Tue, 05 Mar 2024 14:30:00 -0300",
        "Olá!",
        "Posso devolver a caneca?",
        "Attachment: nota.pdf",
    ]


def test_a_mail_of_html_alone_is_read_as_a_page() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Oferta"
    mail.set_content(
        "<style>x</style><h2>Só hoje</h2><p>Frete grátis</p>", subtype="html"
    )

    assert lines(bytes(mail), "eml") == ["Oferta", "Só hoje", "Frete grátis"]


def test_markdown_stays_as_it_is() -> None:
    text = "# Trocas\r\n\r\nO prazo é de **30 dias**.\r\n"
    extract = read(text, "md")

    assert extract.text == "# Trocas\n\nO prazo é de **30 dias**.\n"
    assert extract.markdown
    assert extract.headings == ()
    assert not read(text, "txt").markdown


@pytest.mark.parametrize(
    ("data", "extension", "why"),
    [
        (b"MZ\x90\x00\x03\x00\x00\x00", "txt", "not_that_format"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "pdf", "not_that_format"),
        (b"<!DOCTYPE html><p>x</p>", "pdf", "not_that_format"),
        (b"<html><table></table></html>", "csv", "not_that_format"),
        (b"%PDF-1.4 x", "docx", "not_that_format"),
        (b"%PDF-1.4 x", "html", "not_that_format"),
        (b"no header here", "eml", "not_that_format"),
        (b"{", "json", "broken"),
        (b"", "md", "empty"),
        (b" \n", "csv", "empty"),
        (b"{}", "json", "empty"),
        (b"<html><body></body></html>", "html", "empty"),
        (b"x", "exe", "unsupported"),
        ("Привет, как дела, друг".encode("koi8-r"), "txt", "encoding_unknown"),
        (
            "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".encode("latin-1"),
            "docx",
            "not_that_format",
        ),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, extension: str, why: str) -> None:
    assert reason(data, extension) == why


def test_a_text_ends_at_the_limit() -> None:
    assert reason("x" * 1001, "txt", most=1000) == "too_long"
    assert reason("x" * 1000, "txt", most=1000) is None


def test_no_control_character_or_lone_surrogate_is_left() -> None:
    text = read(json.dumps({"a": "x\x00\x07\ud800y\r\nz\u2028w"}), "json").text
    assert text == "a: xy z w\n"
