"""The store locked, gone, replaced, forked or out of space."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, PyMongoError

from app.repositories.embedded import EmbeddedClient, engine
from tests.faults import store_worker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def store(folder: Path) -> Iterator[EmbeddedClient]:
    client = EmbeddedClient(folder / "store.db")
    client["faults"]["things"].insert_one({"_id": "before"})
    yield client
    client.close()


def things_of(store: EmbeddedClient) -> Any:
    return store["faults"]["things"]


def test_writers_wait_for_each_other_for_as_long_as_they_get_on(
    store: EmbeddedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.5)

    def write(number: int) -> None:
        with store.together():
            things_of(store).insert_one({"_id": number})
            time.sleep(0.2)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(8)))

    assert things_of(store).count_documents({}) == 9


def test_a_writer_that_stands_still_is_waited_for_no_longer(
    store: EmbeddedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.2)
    with store.together():
        things_of(store).insert_one({"_id": "slow"})
        with ThreadPoolExecutor(1) as other:
            refused = other.submit(things_of(store).insert_one, {"_id": "other"})
            with pytest.raises(AutoReconnect, match="too many writers"):
                refused.result()


def test_no_writer_waits_for_ever(
    store: EmbeddedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.2)
    monkeypatch.setattr(engine, "LONGEST_WAIT", 0.5)

    def write(number: int) -> str:
        try:
            with store.together():
                things_of(store).insert_one({"_id": number})
                time.sleep(0.1)
        except AutoReconnect:
            return "refused"
        return "written"

    with ThreadPoolExecutor(20) as writers:
        ends = list(writers.map(write, range(20)))

    assert set(ends) == {"written", "refused"}
    assert things_of(store).count_documents({}) == 1 + ends.count("written")


def test_a_held_lock_is_an_error_within_three_seconds(
    folder: Path, store: EmbeddedClient
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.store_worker"])
    ready = folder / "ready"
    holder = context.Process(
        target=store_worker.hold_the_lock,
        args=(str(folder / "store.db"), str(ready), 60),
    )
    holder.start()
    while not ready.exists():
        time.sleep(0.01)
    started = time.monotonic()

    with pytest.raises(AutoReconnect):
        things_of(store).insert_one({"_id": "locked out"})

    assert time.monotonic() - started < 3
    assert things_of(store).find_one({"_id": "before"}), "reading goes on"
    with ThreadPoolExecutor(2) as others:
        first = others.submit(things_of(store).insert_one, {"_id": "first"})
        time.sleep(1)
        second = others.submit(things_of(store).insert_one, {"_id": "second"})
        with pytest.raises(AutoReconnect):
            first.result()
        assert things_of(store).find_one({"_id": "before"})
        assert not second.done(), "a refused writer and a waiting one stop no reader"
        with pytest.raises(AutoReconnect):
            second.result()
    holder.kill()
    holder.join()
    things_of(store).insert_one({"_id": "after"})
    assert sorted(things_of(store).distinct("_id")) == ["after", "before"]


def test_many_waiting_writers_all_get_an_answer_in_time(store: EmbeddedClient) -> None:
    held, release = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        held.set()
        release.wait(60)

    holder = threading.Thread(target=lambda: store._engine.write(hold, durable=False))
    holder.start()
    held.wait()
    waits: list[float] = []

    def write(_: int) -> None:
        started = time.monotonic()
        with pytest.raises(AutoReconnect):
            things_of(store).insert_one({})
        waits.append(time.monotonic() - started)

    store_worker.in_threads(10, write)
    release.set()
    holder.join()

    assert len(waits) == 10
    assert max(waits) < 3
    assert things_of(store).count_documents({}) == 1


def test_a_folder_moved_away_is_an_error_until_it_is_back(
    folder: Path, store: EmbeddedClient
) -> None:
    away = folder.with_name("away")
    folder.rename(away)

    for _ in range(3):
        with pytest.raises(AutoReconnect):
            things_of(store).insert_one({"_id": "lost?"})
    with pytest.raises(AutoReconnect):
        things_of(store).find_one({})
    with pytest.raises(AutoReconnect):
        store.admin.command("ping")
    assert not folder.exists(), "no empty store is made in its place"

    away.rename(folder)
    things_of(store).insert_one({"_id": "after"})
    assert {"after", "before"} <= set(things_of(store).distinct("_id"))
    assert store.admin.command("ping")["ok"]


def test_a_deleted_store_takes_no_more_writes(
    folder: Path, store: EmbeddedClient
) -> None:
    for file in folder.iterdir():
        file.unlink()

    for _ in range(3):
        with pytest.raises(AutoReconnect):
            things_of(store).insert_one({})
    assert not (folder / "store.db").exists()


def test_a_restored_copy_is_taken_up(
    folder: Path, tmp_path: Path, store: EmbeddedClient
) -> None:
    store.backup(tmp_path / "copy.db")
    things_of(store).insert_one({"_id": "after the backup"})
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(AutoReconnect):
        things_of(store).insert_one({"_id": "gone"})

    shutil.copy(tmp_path / "copy.db", folder / "store.db")

    things_of(store).insert_one({"_id": "restored"})
    assert sorted(things_of(store).distinct("_id")) == ["before", "restored"]


def test_another_store_in_its_place_is_refused(
    folder: Path, store: EmbeddedClient
) -> None:
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(AutoReconnect):
        things_of(store).insert_one({})
    with EmbeddedClient(folder / "store.db") as other:
        other["faults"]["things"].insert_one({"_id": "other"})

        with pytest.raises(AutoReconnect, match="another store"):
            things_of(store).insert_one({"_id": "mine"})
        assert other["faults"]["things"].distinct("_id") == ["other"]


def test_a_failed_sync_is_an_error_and_mends(
    store: EmbeddedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("app.repositories.embedded.durability._sync_data", refuse)
        with pytest.raises(AutoReconnect):
            things_of(store).insert_one({"_id": 1})
        with pytest.raises(AutoReconnect):
            things_of(store).insert_one({"_id": 2})

    things_of(store).insert_one({"_id": 3})
    assert things_of(store).find_one({"_id": 3})


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_process_has_its_own_connections(store: EmbeddedClient) -> None:
    stop = threading.Event()

    def write(_: int) -> None:
        while not stop.is_set():
            things_of(store).update_one({"_id": "n"}, {"$inc": {"n": 1}}, upsert=True)
            things_of(store).find_one({"_id": "n"})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    codes = []
    for number in range(5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                things_of(store).insert_one({"_id": f"child {number}"})
                things_of(store).find_one({"_id": "before"})
                code = 0
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    for thread in threads:
        thread.join()

    assert codes == [0] * 5
    assert things_of(store).count_documents({"_id": {"$regex": "^child"}}) == 5


def test_a_closed_store_says_so(folder: Path) -> None:
    client = EmbeddedClient(folder / "other.db")
    client["d"]["c"].insert_one({})
    client.close()

    with pytest.raises(PyMongoError, match="closed"):
        client["d"]["c"].find_one({})
    client.close()


def test_threads_that_end_leave_no_file_open(store: EmbeddedClient) -> None:
    def read(_: int) -> None:
        things_of(store).find_one({})

    store_worker.in_threads(8, read)
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        store_worker.in_threads(8, read)

    assert len(list(Path("/dev/fd").iterdir())) <= before + 8


def test_a_full_disk_is_an_error_until_there_is_room(folder: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    in_small_disk = ["unshare", "-rm", "sh", "-c", mount, str(folder)]
    probe = subprocess.run([*in_small_disk, "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("no small disk here: unshare -rm with a tmpfs does not work")
    program = [sys.executable, "-m", "tests.faults.store_worker", str(folder)]

    done = subprocess.run(
        [*in_small_disk, *program], check=False, capture_output=True, text=True
    )

    assert done.stdout == "works again\n", done.stderr
