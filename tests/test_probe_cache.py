"""Answers on disk: found again, shared by processes, and harmless when the file is not what it should be."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from probe_helpers import (
    ANSWER,
    IMAGES,
    NOTHING_SEEN,
    build,
    failed,
    linear,
    needs_torch,
    place,
    prober,
    recipe,
    scripted_worker,
    seen,
    starts,
)

from headlint.probe import cache as cache_module
from headlint.probe.cache import FILE_NAME, Cache, default_directory
from headlint.probe.client import Prober
from headlint.probe.protocol import Failure, Observation, Versions
from headlint.probe.python import Choice, Installed

ASKED = recipe(build("resnet18"))
ROOT = Path(__file__).parent.parent
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of this Python names the versions that the scripted worker has."""
    choice = Choice(sys.executable, "it runs headlint", Installed("2.5.0", "0.20.0"))
    monkeypatch.setattr("headlint.probe.client.find_python", lambda explicit: choice)


def test_texts_are_found_again_by_another_cache(tmp_path: Path) -> None:
    first = Cache(str(tmp_path / "new" / "place"))
    first.put("a", "one")
    first.put("b", "two")
    first.put("a", "three")
    second = Cache(str(tmp_path / "new" / "place"))
    assert [second.get(key) for key in "abc"] == ["three", "two", None]


def test_the_oldest_answers_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MOST_ROWS", 5)
    cache = Cache(str(tmp_path))
    for number in range(12):
        cache.put(str(number), "text")
    assert [number for number in range(12) if cache.get(str(number))] == [7, 8, 9, 10, 11]


@pytest.mark.usefixtures("installed")
def test_a_known_answer_starts_no_worker(tmp_path: Path) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    for _ in range(3):
        with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
            answer = asked.observe(ASKED)
            assert answer == Observation(NOTHING_SEEN, Versions("3.11.0", "2.5.0", "0.20.0"))
    assert len(starts(tmp_path)) == 1


@pytest.mark.usefixtures("installed")
def test_another_question_is_another_answer(tmp_path: Path) -> None:
    answer = ANSWER.replace("NOTHING_SEEN", "{**NOTHING_SEEN, 'asked': request['recipe']}")
    with prober(scripted_worker(tmp_path, answer), cache_directory=str(tmp_path / "cache")) as asked:
        for number in (10, 11, 10):
            question = recipe(build("resnet18", num_classes=number))
            assert seen(asked.observe(question))["asked"] == question


def test_an_answer_is_known_for_its_versions_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    for versions in (Installed("2.5.0", "0.20.0"), Installed("2.5.1", "0.20.0"), Installed("2.5.0", "0.20.1"), None):
        choice = Choice(sys.executable, "it runs headlint", versions)
        monkeypatch.setattr("headlint.probe.client.find_python", lambda explicit, choice=choice: choice)
        with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
            seen(asked.observe(ASKED))
    # Where no metadata tells, the worker does: it is started, and its answer was known from the first question.
    assert len(starts(tmp_path)) == 4
    with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
        seen(asked.observe(ASKED))
    rows = sqlite3.connect(tmp_path / "cache" / FILE_NAME).execute("SELECT count(*) FROM answers").fetchone()
    assert rows == (3,)


@pytest.mark.usefixtures("installed")
def test_an_answer_does_not_outlive_the_worker_that_gave_it(tmp_path: Path) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    for change in ("", "# another worker\n"):
        worker.write_text(worker.read_text() + change)
        with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
            seen(asked.observe(ASKED))
    assert len(starts(tmp_path)) == 2


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("kind", "is_kept"),
    [("refused", True), ("memory", False), ("time", False), ("crash", False), ("environment", False)],
)
def test_only_what_would_come_out_the_same_again_is_kept(tmp_path: Path, kind: str, is_kept: bool) -> None:
    answer = f"say(json.dumps({{'id': request['id'], 'failed': 'no\\nanswer', 'kind': {kind!r}}}))"
    worker = scripted_worker(tmp_path, answer)
    for _ in range(2):
        with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
            assert asked.observe(ASKED) == Failure("no answer", kind)  # type: ignore[arg-type]
    assert len(starts(tmp_path)) == (1 if is_kept else 2)


def corrupt(file: Path) -> None:
    file.write_bytes(b"this is no database" * 100)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def forget_table(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE answers")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("damage", [corrupt, truncate, forget_table])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: object) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    directory = tmp_path / "cache"
    for number in range(30):
        cache = Cache(str(directory))
        cache.put(str(number), "text" * 500)
        cache.close()
    assert callable(damage)
    damage(directory / FILE_NAME)
    for _ in range(4):
        with prober(worker, cache_directory=str(directory)) as asked:
            assert seen(asked.observe(ASKED)) == NOTHING_SEEN
    assert len(starts(tmp_path)) <= 3
    assert sqlite3.connect(directory / FILE_NAME).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("body", ["{", "[]", '{"observation": {}}', '{"failed": 1}', "7"])
def test_an_answer_of_another_form_is_asked_for_again(tmp_path: Path, body: str) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
        seen(asked.observe(ASKED))
    with sqlite3.connect(tmp_path / "cache" / FILE_NAME) as connection:
        connection.execute("UPDATE answers SET body = ?", (body,))
    with prober(worker, cache_directory=str(tmp_path / "cache")) as asked:
        assert seen(asked.observe(ASKED)) == NOTHING_SEEN


def test_a_file_of_a_newer_headlint_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("CREATE TABLE answers (another TEXT)")
    before = file.read_bytes()
    cache = Cache(str(tmp_path))
    cache.put("a", "one")
    assert cache.get("a") is None
    assert file.read_bytes() == before


def test_a_locked_file_is_waited_for_briefly_and_then_done_without(tmp_path: Path) -> None:
    Cache(str(tmp_path)).put("a", "one")
    lock = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    cache = Cache(str(tmp_path))
    for _ in range(100):
        cache.put("b", "two")
        assert cache.get("a") is None
    assert cache.given_up
    lock.execute("ROLLBACK")
    assert Cache(str(tmp_path)).get("a") == "one"


def test_a_file_that_others_write_to_can_still_be_read(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.put("a", "one")
    lock = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        cache.put("b", "two")
    assert (cache.get("a"), cache.get("b")) == ("one", None)


@pytest.mark.parametrize("blocked", ["file", "directory", "file in the way", "directory in the way"])
def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path, blocked: str) -> None:
    place = tmp_path / "cache"
    if blocked == "file in the way":
        place.write_text("")
    elif blocked == "directory in the way":
        (place / FILE_NAME).mkdir(parents=True)
    else:
        Cache(str(place)).put("a", "one")
        if blocked == "file":
            (place / FILE_NAME).chmod(0o444)
        place.chmod(0o555)
    try:
        cache = Cache(str(place))
        cache.put("b", "two")
        expected = None if "in the way" in blocked else "one"
        assert cache.get("a") == expected
        if not IS_ROOT:
            assert cache.get("b") is None
    finally:
        if place.is_dir():
            place.chmod(0o755)


def test_no_directory_is_no_cache() -> None:
    cache = Cache("")
    cache.put("a", "one")
    assert (cache.path, cache.get("a")) == (None, None)
    assert Prober(cache_directory="").cache_path is None


def test_the_usual_place_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    usual = default_directory()
    assert usual is not None
    assert Path(usual).name == "headlint"
    assert Prober().cache_path == os.path.join(usual, FILE_NAME)


WRITER = """
import sys
from headlint.probe.cache import Cache
cache = Cache(sys.argv[1])
for number in range(40):
    cache.put(f"{sys.argv[2]}-{number}", f"text {sys.argv[2]}-{number}")
    text = cache.get(f"{sys.argv[2]}-{number}")
    assert text in (None, f"text {sys.argv[2]}-{number}"), text
    cache.put("common", "text common")
"""


def test_many_processes_share_one_file(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)], cwd=ROOT) for number in range(6)
    ]
    assert [process.wait(60) for process in processes] == [0] * 6
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = connection.execute("SELECT key, body FROM answers").fetchall()
    assert all(body == f"text {key}" for key, body in rows)
    # A busy file may cost an answer now and then; it must not cost most of them.
    assert len(rows) > 120


def test_a_fork_opens_the_file_anew(tmp_path: Path) -> None:
    script = f"""
import os
from headlint.probe.cache import Cache
cache = Cache({str(tmp_path)!r})
cache.put("parent", "one")
mine = cache._connection
if os.fork() == 0:
    cache.put("child", "two")
    os._exit(0 if cache.get("parent") == "one" and cache._connection is not mine else 1)
assert os.wait()[1] == 0
assert cache.get("child") == "two" and cache._connection is mine
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=60)


@needs_torch
def test_a_warm_run_imports_no_torch_and_starts_nothing(tmp_path: Path) -> None:
    events = [build("resnet18"), linear(1, 512, 10), place([0, ""], "fc", [1, ""])]
    asked = recipe(*events, watch=[[1, ""]], shape=IMAGES)
    with prober(python=None, cache_directory=str(tmp_path)) as cold:
        expected = seen(cold.observe(asked))
    script = f"""
import json, subprocess, sys
def forbidden(*arguments, **options): raise AssertionError("a process is started")
subprocess.Popen.__init__ = forbidden
from headlint.probe.client import Prober
with Prober(None, 30.0, {str(tmp_path)!r}) as warm:
    answer = warm.observe(json.loads({json.dumps(asked)!r}))
assert answer.versions.torch and answer.versions.torchvision
assert not any(name.partition(".")[0] in ("torch", "torchvision") for name in sys.modules)
print(json.dumps(answer.data))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=60, capture_output=True)
    assert json.loads(done.stdout) == expected


@pytest.mark.usefixtures("installed")
def test_two_probers_at_once_use_one_file(tmp_path: Path) -> None:
    worker = scripted_worker(tmp_path, ANSWER)
    directory = str(tmp_path / "cache")
    with prober(worker, cache_directory=directory) as one, prober(worker, cache_directory=directory) as other:
        assert seen(one.observe(ASKED)) == seen(other.observe(ASKED)) == NOTHING_SEEN
        assert len(starts(tmp_path)) == 1


def test_a_missing_worker_file_is_a_failed_start(tmp_path: Path) -> None:
    with prober(tmp_path / "nothing.py", cache_directory=str(tmp_path / "cache")) as asked:
        assert failed(asked.observe(ASKED)).kind == "start"


def test_a_file_on_a_read_only_system_is_read_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions stop everybody but the administrator, so the file is opened as such a system would open it.
    Cache(str(tmp_path)).put("a", "one")
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **options: connect(f"file:{path}?mode=ro", uri=True, **options)
    )
    cache = Cache(str(tmp_path))
    for _ in range(5):
        cache.put("b", "two")
    assert (cache.get("a"), cache.get("b")) == ("one", None)
    nowhere = Cache(str(tmp_path / "new"))
    nowhere.put("a", "one")
    assert nowhere.get("a") is None


def test_a_change_in_any_module_of_the_worker_is_another_worker(tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    worker.mkdir()
    for name in ("__main__.py", "calls.py"):
        (worker / name).write_text("")

    def key() -> str:
        with prober(worker / "__main__.py") as asked:
            return asked._key("{}", Versions("3.11.0", "2.5.0", "0.20.0"))  # noqa: SLF001

    before = key()
    assert key() == before
    (worker / "calls.py").write_text("# changed\n")
    assert key() != before
