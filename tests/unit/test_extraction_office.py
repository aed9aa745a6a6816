"""What documents of word processors, slides and sheets say."""

from datetime import date, datetime, time
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx.util import Inches

from tests.support.made_office import part_of, saved, with_parts
from tests.support.reading import lines, read, reason, titles


def _property(element: Any, name: str, value: str) -> None:
    made = OxmlElement(name)
    made.set(qn("w:val"), value)
    element.append(made)


def test_headings_of_a_word_document_are_known_by_their_styles() -> None:
    document = docx.Document()
    document.add_heading("Manual de Atendimento", 0)
    document.add_heading("Devoluções", 1)
    document.add_paragraph("O prazo é de 30 dias.")
    document.add_heading("Exceções", 2)
    document.add_paragraph("Produtos sob medida não têm devolução.")

    extract = read(saved(document), "docx")

    assert titles(extract) == [
        (1, "Manual de Atendimento"),
        (2, "Devoluções"),
        (3, "Exceções"),
    ]
    assert "O prazo é de 30 dias.\n" in extract.text
    assert extract.pages == ()


def test_a_style_of_ones_own_is_a_heading_by_its_outline_level_or_what_it_is_based_on() -> (
    None
):
    document = docx.Document()
    own = document.styles.add_style("Cláusula", WD_STYLE_TYPE.PARAGRAPH)
    _property(own.element.get_or_add_pPr(), "w:outlineLvl", "1")
    based = document.styles.add_style("Minha", WD_STYLE_TYPE.PARAGRAPH)
    based.base_style = document.styles["Heading 1"]
    document.add_paragraph("Garantia", style="Minha")
    document.add_paragraph("Prazo legal", style="Cláusula")
    document.add_paragraph("Noventa dias.")

    assert titles(read(saved(document), "docx")) == [
        (1, "Garantia"),
        (2, "Prazo legal"),
    ]


def test_tables_stand_in_their_place_with_their_column_names() -> None:
    document = docx.Document()
    document.add_paragraph("Antes da tabela.")
    table = document.add_table(3, 3)
    for row, cells in zip(
        table.rows,
        [
            ("Produto", "Preço", "Prazo"),
            ("Caneca", "R$ 29,90", "2 dias"),
            ("", "R$ 5", ""),
        ],
        strict=True,
    ):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_paragraph("Depois da tabela.")

    assert lines(saved(document), "docx") == [
        "Antes da tabela.",
        "Produto: Caneca; Preço: R$ 29,90; Prazo: 2 dias",
        "Produto: Caneca; Preço: R$ 5",
        "Depois da tabela.",
    ]


def test_lists_keep_their_marks_and_numbers() -> None:
    document = docx.Document()
    for text in ("boleto", "cartão"):
        document.add_paragraph(text, style="List Bullet")
    for text in ("Abra o site", "Escolha"):
        document.add_paragraph(text, style="List Number")

    assert lines(saved(document), "docx") == [
        "- boleto",
        "- cartão",
        "1. Abra o site",
        "2. Escolha",
    ]


def test_hidden_and_deleted_text_headers_and_contents_are_left_out() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "CONFIDENCIAL"
    contents = document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Devoluções 12", style=contents)
    paragraph = document.add_paragraph("O prazo é ")
    deleted = OxmlElement("w:del")
    deleted.append(paragraph.add_run("de sete ")._r)
    paragraph._p.append(deleted)
    paragraph.add_run("segredo ").font.hidden = True
    paragraph.add_run("de 30 dias.")

    assert lines(saved(document), "docx") == ["O prazo é de 30 dias."]


def test_a_slide_is_a_page_with_its_title_text_table_and_notes() -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Política de troca"
    slide.placeholders[1].text = "Trocas em até 30 dias\nCom nota fiscal"
    slide.notes_slide.notes_text_frame.text = "Lembrar do prazo de verão."
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Preços"
    table = second.shapes.add_table(
        2, 2, Inches(1), Inches(2), Inches(4), Inches(1)
    ).table
    for index, text in enumerate(["Item", "Preço", "Caneca", "R$ 29,90"]):
        table.cell(index // 2, index % 2).text = text

    extract = read(saved(show), "pptx")

    assert titles(extract) == [(1, "Política de troca"), (1, "Preços")]
    assert [number for _, number in extract.pages] == [1, 2]
    first, last = (start for start, _ in extract.pages)
    assert "Com nota fiscal" in extract.text[first:last]
    assert "Lembrar do prazo de verão." in extract.text[first:last]
    assert "Item: Caneca; Preço: R$ 29,90" in extract.text[last:]


def test_slides_come_in_the_order_of_the_show() -> None:
    show = pptx.Presentation()
    for title in ("um", "dois", "três"):
        show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = title
    listed = show.slides._sldIdLst
    listed.insert(0, listed[2])

    assert lines(saved(show), "pptx") == ["três", "um", "dois"]


@pytest.fixture
def book() -> openpyxl.Workbook:
    return openpyxl.Workbook()


def test_each_row_of_a_sheet_is_a_line_with_its_column_names(
    book: openpyxl.Workbook,
) -> None:
    sheet = book.active
    sheet.title = "Preços"
    sheet.append(["Tabela de preços de 2024"])
    sheet.append([])
    sheet.append(["Produto", "Preço", "Estoque", "Observação"])
    sheet.append(["Caneca", 29.9, 12, None])
    sheet.append(["Camiseta", 59, None, "só\ntamanho M"])
    other = book.create_sheet("Lojas")
    other.append(["Cidade", "Aberta"])
    other.append(["São Paulo", True])
    book.create_sheet("Rascunho").sheet_state = "hidden"

    extract = read(saved(book), "xlsx")

    assert titles(extract) == [(1, "Preços"), (1, "Lojas")]
    assert [line for line in extract.text.split("\n") if line] == [
        "Preços",
        "Tabela de preços de 2024",
        "Produto: Caneca; Preço: 29.9; Estoque: 12",
        "Produto: Camiseta; Preço: 59; Observação: só tamanho M",
        "Lojas",
        "Cidade: São Paulo; Aberta: TRUE",
    ]


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (date(2024, 3, 5), "dd/mm/yyyy", "2024-03-05"),
        (
            datetime.combine(date(2024, 3, 5), time(14, 30)),
            "dd/mm/yyyy hh:mm",
            "2024-03-05 14:30",
        ),
        (time(9, 5), "hh:mm", "09:05"),
        (1.5, "[h]:mm", "36:00"),
        (0.155, "0.0%", "15.5%"),
        (0.15, "0%", "15%"),
        (1234.5, "#,##0.00", "1234.50"),
        (29.9, '"R$" #,##0.00', "R$ 29.90"),
        (29.9, "[$€-407] #,##0.00", "€ 29.90"),
        (12.5, '0.0" kg"', "12.5 kg"),
        (1310100, "00000000", "01310100"),
        (0.1 + 0.2, "General", "0.3"),
        (12345678901, "General", "12345678901"),
        (-3, "0;[Red]-0", "-3"),
    ],
)
def test_numbers_and_dates_are_written_as_people_read_them(
    book: openpyxl.Workbook, value: Any, code: str, shown: str
) -> None:
    book.active.append(["valor", "x"])
    book.active.append([value])
    book.active["A2"].number_format = code

    assert lines(saved(book), "xlsx")[1:] == [f"valor: {shown}"]


def test_a_merged_cell_stands_in_each_of_its_rows(book: openpyxl.Workbook) -> None:
    for row in (
        ["Região", "Loja"],
        ["Sul", "Curitiba"],
        [None, "Lages"],
        [None, "Pelotas"],
    ):
        book.active.append(row)
    book.active.merge_cells("A2:A3")

    assert lines(saved(book), "xlsx")[1:] == [
        "Região: Sul; Loja: Curitiba",
        "Região: Sul; Loja: Lages",
        "Loja: Pelotas",
    ]


def test_a_formula_says_what_was_last_calculated(book: openpyxl.Workbook) -> None:
    book.active.append(["Produto", "Total"])
    book.active.append(["Caneca", 1])
    data = saved(book)
    sheet = part_of(data, "xl/worksheets/sheet1.xml")
    formula = sheet.replace(b"<v>1</v></c></row>", b"<f>SUM(C1)</f><v>7</v></c></row>")
    assert formula != sheet

    data = with_parts(data, {"xl/worksheets/sheet1.xml": formula})
    assert lines(data, "xlsx")[1:] == ["Produto: Caneca; Total: 7"]


def test_a_document_of_another_office_format_is_told_by_its_parts(
    book: openpyxl.Workbook,
) -> None:
    book.active.append(["a"])
    assert reason(saved(book), "docx") == "not_that_format"
    assert reason(saved(docx.Document()), "pptx") == "not_that_format"
    assert reason(saved(docx.Document()), "docx") == "empty"
