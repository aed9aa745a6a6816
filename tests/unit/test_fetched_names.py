"""The file names of what was fetched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fetching.filenames import filename_for
from app.models.filenames import safe_name

HOST = "https://docs.example.com"


@pytest.mark.parametrize(
    ("place", "content_type", "name"),
    [
        ("/", "text/html", "docs.example.com.html"),
        ("", None, "docs.example.com.html"),
        ("/guide/install", "text/html", "docs.example.com-guide-install.html"),
        ("/guide/", "application/xhtml+xml", "docs.example.com-guide.html"),
        ("/index.html", "text/html", "docs.example.com-index.html"),
        ("/index.HTM", None, "docs.example.com-index.html"),
        ("/faq.php?id=7&l=pt", "text/html", "docs.example.com-faq.php-id-7-l-pt.html"),
        ("/ol%C3%A1/%C3%A7", "text/html", "docs.example.com-olá-ç.html"),
        ("/a/report.pdf", "application/pdf", "report.pdf"),
        ("/download?file=report", "application/pdf", "download.pdf"),
        ("/", "application/pdf", "docs.example.com.pdf"),
        ("/%20.pdf", "application/pdf", "docs.example.com- .pdf.pdf"),
        ("/README.md", "text/plain", "README.md"),
        ("/data.CSV", "application/octet-stream", "data.csv"),
        ("/notes", "text/plain", "notes.txt"),
        ("/report.pdf", None, "report.pdf"),
        ("/report.pdf", "text/html", "docs.example.com-report.pdf.html"),
        ("/things.json", "application/json", "things.json"),
        ("/logo", "image/png", "logo.png"),
        ("/program", "application/octet-stream", "program.bin"),
        ("/x", "application/x-nobody-knows", "x.bin"),
    ],
)
def test_a_name_tells_where_it_is_from_and_what_it_is(
    place: str, content_type: str | None, name: str
) -> None:
    assert filename_for(HOST + place, content_type) == name


@given(
    st.text("ab./%20%2F%5C?&=é", max_size=200),
    st.sampled_from([None, "text/html", "application/pdf", "text/plain"]),
)
def test_a_name_is_always_there_and_safe(place: str, content_type: str | None) -> None:
    name = filename_for(f"{HOST}/{place}", content_type)

    assert name
    assert safe_name(name) == name
    assert "." in name
