"""`flask evaluate-retrieval`, beside a running server."""

from pathlib import Path

import pytest

from tests.support.running import Bot, Person, Server
from tests.support.shell import run

HOURS = "# Hours\n\nThe shop opens at nine.\n\n# Sundays\n\nClosed on Sundays.\n"
CASES = """\
cases:
  - question: When does the shop open?
    expect: {document: hours.md, contains: at nine}
  - question: And on Sundays?
    after: When does the shop open?
    expect: {document: hours.md, heading: Sundays}
  - question: Vocês abrem a loja quando?
    language: pt
    expect: {document: horas.md, contains: às nove}
  - question: Do you sell kites in the shop?
    expect: nothing
"""


@pytest.fixture
def shop(owner: Person, bot: Bot) -> Bot:
    owner.upload(bot, "hours.md", HOURS)
    return bot


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES)
    return path


def test_it_prints_the_figures_and_what_was_not_found(
    server: Server, shop: Bot, cases: Path
) -> None:
    result = run(server, "evaluate-retrieval", cases, "--assistant", shop.id)

    assert result.exit_code == 0
    table = [line.split() for line in result.output.splitlines()]
    assert ["lexical"] in table
    assert ["en", "2", "1.00", "1.00", "1.00", "1.00"] in table
    assert ["pt", "1", "0.00", "0.00", "0.00", "0.00"] in table
    assert ["all", "3", "0.67", "0.67", "0.67", "0.67"] in table
    failed = result.output.partition("Not among the first 5 (lexical):")[2]
    assert f"{cases}, line 7, case 3 [pt]" in failed
    assert 'expected  horas.md, "às nove"' in failed
    assert "case 1" not in failed


def test_a_recall_below_the_one_asked_for_fails(
    server: Server, shop: Bot, cases: Path
) -> None:
    def code(least: float) -> int:
        given = ("--assistant", shop.id, "--min-recall", least)
        return run(server, "evaluate-retrieval", cases, *given).exit_code

    assert (code(0.66), code(0.67)) == (0, 1)


def test_a_threshold_keeps_what_has_no_answer_quiet(
    server: Server, shop: Bot, cases: Path
) -> None:
    def said(least: float) -> str:
        given = ("--assistant", shop.id, "--min-score", least)
        return run(server, "evaluate-retrieval", cases, *given).output

    heard = "Found something where there is nothing"
    assert heard in said(0.1)
    assert heard not in said(0.9)
    assert "1 of 1" in said(0.1)


def test_the_thresholds_of_the_assistant_hold(
    server: Server, owner: Person, shop: Bot, cases: Path
) -> None:
    owner.http.put(
        f"/assistants/update/{shop.id}", json={"retrieval": {"min_score": 1.0}}
    ).raise_for_status()
    result = run(server, "evaluate-retrieval", cases, "--assistant", shop.id)
    assert "min_score 1" in result.output
    assert "Found something" not in result.output


def test_the_file_may_name_the_assistant(
    server: Server, owner: Person, cases: Path
) -> None:
    kites = owner.create_assistant(name="Kites")
    owner.upload(kites, "hours.md", HOURS)
    cases.write_text(f"assistant: Kites\n{CASES}")
    result = run(server, "evaluate-retrieval", cases)
    assert result.exit_code == 0, result.output
    assert kites.id in result.output


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("cases: {}\n", 1, "cases: Input should be a valid list"),
        (f"assistant: nobody's\n{CASES}", 1, "there is no assistant"),
        (CASES, 2, "name the assistant"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    server: Server, cases: Path, text: str, code: int, said: str
) -> None:
    cases.write_text(text)
    result = run(server, "evaluate-retrieval", cases)
    assert (result.exit_code, "Traceback" in result.output) == (code, False)
    assert said in result.output


def test_an_assistant_without_documents_finds_nothing(
    server: Server, bot: Bot, cases: Path
) -> None:
    result = run(server, "evaluate-retrieval", cases, "--assistant", bot.id)
    assert "found nothing: no searchable documents" in result.output
