"""Zips that are sent as they are made, and zips that strangers made."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ImportRefused
from app.services.portability.archives import Archive, zipped
from tests.support.made_archive import entries, patched, zeros, zip_of
from tests.support.memory import held_at_most

GOOD = zip_of(entries())
HOURS = "documents/0001.md"
MOST = 1000
SMALL = 10  # megabytes
MEGABYTE = 2**20


def opened(data: bytes) -> Archive:
    return Archive(io.BytesIO(data), entries=10, folder="documents")


def read_all(archive: Archive) -> dict[str, bytes]:
    return {name: archive.read(name, most=MOST) for name in sorted(archive.names)}


def why(data: bytes) -> str:
    with pytest.raises(ImportRefused) as refused:
        read_all(opened(data))
    return str(refused.value.details["reason"]).removeprefix("reason.import_")


def test_what_is_written_is_read_by_others_and_by_us() -> None:
    made = {"a.json": [b"{", b"}"], "documents/0001.md": [b"# Hours\n" * 1000]}

    data = b"".join(zipped((n, 0, iter(parts)) for n, parts in made.items()))

    with ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert {n: read.read(n) for n in read.namelist()} == {
            name: b"".join(parts) for name, parts in made.items()
        }
    archive = opened(data)
    assert archive.read("documents/0001.md", most=10_000) == b"# Hours\n" * 1000
    assert len(data) < 1000


def test_it_is_sent_while_it_is_made() -> None:
    taken = []

    def parts() -> Iterator[bytes]:
        for number in range(20):
            taken.append(number)
            yield os.urandom(100_000)

    sent = zipped([("a", 0, parts())])
    while not next(sent):
        pass

    assert len(taken) < 5


def test_a_large_entry_has_large_sizes() -> None:
    data = b"".join(zipped([("a", 2**30, iter([b"x"]))]))

    assert opened(data).read("a", most=10) == b"x"


def test_the_same_gives_the_same_bytes() -> None:
    one, other = (b"".join(zipped([("a", 1, iter([b"x"]))])) for _ in range(2))

    assert one == other


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "documents/../../x",
        "/etc/passwd",
        "C:/x",
        "..\\x",
        "documents\\x",
        "./x",
        ".x",
        "x\ny",
        "x y",
        "açaí.md",
        "x\u202e",
    ],
)
def test_no_name_is_taken_that_could_lead_elsewhere(name: str) -> None:
    assert why(zip_of([("a", b"1"), (name, b"x")])) == "name"


def test_a_name_with_a_nul_is_not_cut_there() -> None:
    data = zip_of([("documents/0001.md?x", b"x")]).replace(b"md?x", b"md\0x")

    assert why(data) == "name"


@pytest.mark.parametrize("kind", [0o120777, 0o060644, 0o020644, 0o010644, 0o140644])
def test_links_and_devices_are_refused(kind: int) -> None:
    entry = ZipInfo("documents/0001.md")
    entry.external_attr = kind << 16

    assert why(zip_of([(entry, b"/etc/passwd")])) == "kind"


@pytest.mark.parametrize("name", ["x/", "documents/x/", "documents/0001.md/"])
def test_folders_are_refused(name: str) -> None:
    assert why(zip_of([(name, b"")])) == "kind"


def test_the_folder_of_the_documents_may_have_an_entry() -> None:
    made = [("documents/", b""), *entries().items()]

    assert opened(zip_of(made)).names == set(entries())


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2001])
def test_encrypted_entries_are_refused(flags: int) -> None:
    data = patched(GOOD, HOURS, 8, struct.pack("<H", flags))

    assert why(data) == "encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_methods_that_may_take_much_memory_are_refused(method: int) -> None:
    data = patched(GOOD, HOURS, 10, struct.pack("<H", method))

    assert why(data) == "method"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_in_it_twice_is_refused() -> None:
    assert why(zip_of([("a", b"1"), ("a", b"2")])) == "twice"


def test_entries_that_share_their_bytes_are_refused() -> None:
    """The whole archive's bytes count once for each entry: the better bomb."""
    data = zip_of([("documents/0001.md", b"x" * 100), ("documents/0002.md", b"y")])
    shared = patched(data, "documents/0002.md", 42, struct.pack("<I", 0))

    assert why(shared) == "overlap"


def test_an_entry_that_reaches_into_the_directory_is_refused() -> None:
    entry = ZipInfo(HOURS)
    entry.compress_type = ZIP_STORED
    data = zip_of([(entry, b"x" * 10)])

    assert why(patched(data, HOURS, 20, struct.pack("<I", 5000))) == "archive"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        b"PK\x03\x04" + b"\0" * 100,
        GOOD[:-10],
        GOOD[: len(GOOD) // 2],
        b"Rar!\x1a\x07" + b"\0" * 100,
        b"\x1f\x8b\x08" + b"\0" * 100,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_what_is_no_zip_is_told_so(data: bytes) -> None:
    assert why(data) == "archive"


def test_other_contents_than_the_archives_own_sum_are_damaged() -> None:
    entry = ZipInfo("a")
    data = zip_of([(entry, b"some text")]).replace(b"some text", b"same text")

    assert why(data) == "damaged"


def test_an_entry_is_read_to_a_bound_and_no_further() -> None:
    archive = opened(zip_of([("a", b"x" * 11)]))

    with pytest.raises(ImportRefused) as refused:
        archive.read("a", most=10)
    assert refused.value.details == {"reason": "reason.import_large", "entry": "a"}


def test_a_missing_entry_is_named() -> None:
    with pytest.raises(ImportRefused) as refused:
        opened(GOOD).read("b", most=10)
    assert refused.value.details == {"reason": "reason.import_missing", "entry": "b"}


@pytest.mark.parametrize("told", [0, 10, 35, 2**32 - 2])
def test_a_bomb_that_lies_about_its_size_is_cut_off(told: int) -> None:
    data = patched(bomb(megabytes=256), "a", 24, struct.pack("<I", told))

    with held_at_most(SMALL), pytest.raises(ImportRefused):
        opened(data).read("a", most=MOST)


def test_a_bomb_costs_no_memory_while_it_is_read() -> None:
    data, size = bomb(megabytes=256), 0

    with held_at_most(SMALL):
        for part in opened(data).parts("a", most=2**40):
            size += len(part)

    assert size == 256 * MEGABYTE


def test_far_more_entries_than_allowed_are_refused() -> None:
    data = zip_of([(f"documents/{n:04}", b"") for n in range(5000)])

    assert why(data) == "entries"


def test_a_directory_of_millions_is_not_even_read() -> None:
    """It is 60 MB here, and a thousand MB once it is read."""
    entry = zip_of([("a", b"")])
    one = entry[entry.rindex(b"PK\x01\x02") : entry.rindex(b"PK\x05\x06")]
    count = 60 * MEGABYTE // len(one)
    directory = one * count
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    data = directory + end

    with held_at_most(SMALL):
        assert why(data) == "entries"


@given(st.data())
def test_whatever_is_changed_in_it_it_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.sampled_from(["set", "cut", "grow"])):
            case "set":
                changed[at] = data.draw(st.integers(0, 255))
            case "cut":
                del changed[at : at + data.draw(st.integers(1, 30))]
            case _:
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=30))
    try:
        found = read_all(opened(bytes(changed)))
    except ImportRefused:
        return
    assert sum(map(len, found.values())) <= MOST * 10


def bomb(*, megabytes: int) -> bytes:
    """Return an archive of one entry of zeros."""
    entry = ZipInfo("a")
    entry.compress_type = ZIP_STORED
    data = zip_of([(entry, zeros(megabytes))])
    crc, block = 0, bytes(MEGABYTE)
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    size = struct.pack("<I", megabytes * MEGABYTE)
    deflated = struct.pack("<H", zipfile.ZIP_DEFLATED)
    for place, value in ((10, deflated), (16, struct.pack("<I", crc)), (24, size)):
        data = patched(data, "a", place, value)
    return data
