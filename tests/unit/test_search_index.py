import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import StoreUnavailable
from app.models.words import question_terms
from app.repositories.search_index import SearchIndex
from tests.support.knowledge import chunk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "search.sqlite3"


@pytest.fixture
def index(path: Path) -> Iterator[SearchIndex]:
    found = SearchIndex(path)
    yield found
    found.close()


def put(
    index: SearchIndex, text: str, *, assistant: str = "a1", key: str = "d1:r1"
) -> None:
    index.add(assistant, key, [chunk(text, chunk_id=f"{key}-0")])


def ids(index: SearchIndex, query: str, *, assistant: str = "a1") -> list[str]:
    return [hit.chunk_id for hit in index.search(assistant, query, limit=6)]


def test_a_chunk_is_found_by_any_form_of_its_words(index: SearchIndex) -> None:
    text = "As devoluções são aceitas em sete dias"
    index.add("a1", "d1:r1", [chunk(text, chunk_id="c", language="pt")])
    for query in ("devolucao", "devolução?", "DEVOLUÇÕES", "quero devolver"):
        assert ids(index, query) == ["c"]


def test_headings_and_the_file_name_find_a_chunk(index: SearchIndex) -> None:
    found = chunk("Ten days.", heading="Shop > Warranty", filename="bicycles.md")
    index.add("a1", "d1:r1", [found])
    assert ids(index, "warranties") == ids(index, "bicycle") == ["c1"]


def test_a_rarer_word_and_more_words_rank_higher(index: SearchIndex) -> None:
    texts = ["delivery Manaus", "delivery Recife", "delivery", "gift", "pay"]
    index.add("a1", "k:1", [chunk(t, chunk_id=t) for t in texts])
    hits = index.search("a1", "delivery to Manaus", limit=6)
    assert hits[0].chunk_id == "delivery Manaus"
    assert [hit.coverage for hit in hits] == [1.0, 0.5, 0.5]
    assert hits[0].score > hits[1].score > 0


def test_coverage_counts_words_that_no_chunk_has(index: SearchIndex) -> None:
    put(index, "bicycle warranty")
    (hit,) = index.search("a1", "Do you repair electric bicycles?", limit=6)
    assert hit.coverage == pytest.approx(1 / 3)


def test_an_assistant_finds_nothing_of_another(index: SearchIndex) -> None:
    put(index, "secret canary", assistant="a2")
    put(index, "public", assistant="a1")
    assert ids(index, "secret canary") == []
    assert ids(index, "secret canary", assistant="nobody") == []
    assert index.keys("nobody") == set()


def test_the_assistants_with_documents_are_told(index: SearchIndex) -> None:
    put(index, "gift", assistant="a1")
    put(index, "gift", assistant="a2")
    index.remove("a2", {"d1:r1"})
    index.remove("a3", {"d1:r1"})
    assert index.assistants() == {"a1"}


def test_scores_do_not_depend_on_other_assistants(index: SearchIndex) -> None:
    index.add(
        "a1", "k:1", [chunk("gift box", chunk_id="c"), chunk("pay", chunk_id="d")]
    )
    before = index.search("a1", "gift box", limit=6)
    index.add("a2", "k:1", [chunk("gift", chunk_id=str(n)) for n in range(50)])
    assert index.search("a1", "gift box", limit=6) == before


def test_adding_a_key_again_replaces_what_it_had(index: SearchIndex) -> None:
    put(index, "old words")
    put(index, "new phrases")
    assert ids(index, "words") == []
    assert ids(index, "phrases") == ["d1:r1-0"]
    assert index.keys("a1") == {"d1:r1"}


def test_a_removed_key_is_found_no_more_and_weighs_no_more(index: SearchIndex) -> None:
    put(index, "gift box", key="a:1")
    before = index.search("a1", "gift", limit=6)
    put(index, "gift gift gift", key="b:1")
    index.remove("a1", {"b:1", "unknown"})
    assert index.search("a1", "gift", limit=6) == before
    assert index.keys("a1") == {"a:1"}


def test_only_so_many_hits_come_as_were_asked_for(index: SearchIndex) -> None:
    index.add("a1", "k:1", [chunk("gift", chunk_id=str(n)) for n in range(40)])
    assert len(index.search("a1", "gift", limit=7)) == 7
    assert index.search("a1", "gift", limit=0) == []


def test_the_rare_word_is_found_among_thousands_of_common_ones(
    index: SearchIndex,
) -> None:
    common = [chunk("delivery of an order", chunk_id=str(n)) for n in range(2500)]
    index.add("a1", "k:1", common)
    put(index, "delivery of an order to Manaus", key="m:1")
    hits = index.search("a1", "order delivery Manaus", limit=3)
    assert hits[0].chunk_id == "m:1-0"
    assert hits[0].coverage == 1
    assert len(index.search("a1", "order delivery", limit=3)) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=60), st.sampled_from(["en", "pt", "es"]))
def test_any_text_is_found_by_its_own_words_and_by_no_other_assistant(
    index: SearchIndex, text: str, language: str
) -> None:
    found = chunk(text, chunk_id="c", filename="", language=language)
    index.add("a1", "d1:r1", [found])
    expected = ["c"] if question_terms(text) else []
    assert ids(index, text) == expected
    assert ids(index, text, assistant="a2") == []


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "a AND",
        "NEAR(a b)",
        "body:x",
        "gift*",
        "^gift",
        "-gift",
        "a' OR 1=1--",
        "(",
        "\0",
    ],
)
def test_query_operators_are_only_text(index: SearchIndex, query: str) -> None:
    put(index, "something else entirely")
    assert index.search("a1", query, limit=3) == []


def test_terms_of_one_assistant_are_no_other_s_prefix(index: SearchIndex) -> None:
    for number in range(12):
        put(index, f"word{number}", assistant=f"a{number}")
    put(index, "1xword 2xword x a\U000164601xword", assistant="a0")
    assert ids(index, "word", assistant="a1") == []
    assert ids(index, "word2", assistant="a2") == ["d1:r1-0"]


def test_only_the_server_s_user_can_read_the_file(
    index: SearchIndex, path: Path
) -> None:
    index.add("one", "d:1", [])

    modes = {file.stat().st_mode & 0o777 for file in path.parent.glob(f"{path.name}*")}

    assert modes == {0o600}


def test_a_deleted_file_is_made_again_empty(index: SearchIndex, path: Path) -> None:
    put(index, "gift box")
    path.unlink()
    assert ids(index, "gift") == []
    assert index.keys("a1") == set()
    put(index, "gift box")
    assert ids(index, "gift") == ["d1:r1-0"]


def test_a_deleted_folder_is_made_again(index: SearchIndex, path: Path) -> None:
    put(index, "gift box")
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    assert index.keys("a1") == set()
    put(index, "gift box")
    assert ids(index, "gift") == ["d1:r1-0"]


@pytest.mark.parametrize(
    "damage", [b"", b"not a database at all" * 1000, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_index_is_replaced(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    index = SearchIndex(path)
    assert index.keys("a1") == set()
    put(index, "gift box")
    assert ids(index, "gift") == ["d1:r1-0"]
    index.close()


def test_a_file_damaged_while_open_is_replaced(index: SearchIndex, path: Path) -> None:
    index.add(
        "a1", "k:1", [chunk(f"gift {n} " * 50, chunk_id=str(n)) for n in range(300)]
    )
    index.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    assert ids(index, "gift") == []
    put(index, "gift box")
    assert ids(index, "gift") == ["d1:r1-0"]


def test_a_file_emptied_while_somebody_reads_it_is_replaced(
    index: SearchIndex, path: Path
) -> None:
    put(index, "gift box")
    with index._file.connection():
        path.write_bytes(b"")
        assert ids(index, "gift") == []
        put(index, "gift card")
        assert ids(index, "gift") == ["d1:r1-0"]


def test_a_log_emptied_while_some_have_it_open_is_no_error(
    index: SearchIndex, path: Path
) -> None:
    with ExitStack() as lent:
        for _ in range(3):
            lent.enter_context(index._file.connection())
        put(index, "gift box")
    path.with_name(f"{path.name}-wal").write_bytes(b"")

    index.keys("a1")

    put(index, "gift card")
    assert ids(index, "gift") == ["d1:r1-0"]


def test_a_file_of_another_format_starts_over(index: SearchIndex, path: Path) -> None:
    put(index, "gift box")
    index.close()
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    assert index.keys("a1") == set()
    put(index, "gift box")
    assert index.keys("a1") == {"d1:r1"}


def test_no_room_for_a_file_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable):
        SearchIndex(tmp_path / "data" / "search.sqlite3").keys("a1")


def test_threads_add_remove_and_search_at_once(index: SearchIndex) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for turn in range(15):
                put(index, f"gift n{number}", key=f"{number}:{turn}")
                assert f"{number}:{turn}-0" in ids(index, f"n{number}")
                if turn % 2:
                    index.remove("a1", {f"{number}:{turn}"})
        except BaseException as exc:  # noqa: BLE001 shown by the assertion below
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index.keys("a1")) == 8 * 8


def test_processes_share_one_file_and_survive_its_deletion(
    index: SearchIndex, path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from app.repositories.search_index import SearchIndex\n"
        "from tests.support.knowledge import chunk\n"
        "index = SearchIndex(Path(sys.argv[1]))\n"
        "for n in range(40):\n"
        "    key = sys.argv[2] + ':' + str(n)\n"
        "    index.add('a1', key, [chunk('gift', chunk_id=key)])\n"
        "    index.search('a1', 'gift', limit=3)\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=Path.cwd())
        for name in "xyz"
    ]
    put(index, "gift")
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert len(index.keys("a1")) == 121
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=Path.cwd())
        for name in "xyz"
    ]
    for _ in range(20):
        path.unlink(missing_ok=True)
        ids(index, "gift")
    assert [process.wait(60) for process in started] == [0, 0, 0]
    put(index, "ribbon")
    assert ids(index, "ribbon") == ["d1:r1-0"]
