"""Workers that crash, hang or talk nonsense, and clients that go away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from probe_helpers import (
    ANSWER,
    HELLO,
    LOAD_WORKER,
    NOTHING_SEEN,
    PYTHON,
    becomes_true,
    build,
    failed,
    is_running,
    needs_torch,
    prober,
    recipe,
    scripted_worker,
    seen,
    starts,
)

from headlint.probe import worker as worker_module
from headlint.probe.client import WORKER, Prober
from headlint.probe.lines import PolledChannel
from headlint.probe.protocol import WORKER_VERSION, Versions

ASKED = recipe(build("resnet18"))


def test_client_and_worker_speak_the_same_version() -> None:
    assert worker_module.WORKER_VERSION == WORKER_VERSION


def test_one_worker_answers_many_questions(tmp_path: Path) -> None:
    with prober(scripted_worker(tmp_path, ANSWER)) as asked:
        assert [seen(asked.observe(ASKED)) for _ in range(3)] == [NOTHING_SEEN] * 3
        assert asked.versions() == Versions("3.11.0", "2.5.0", "0.20.0")
    assert len(starts(tmp_path)) == 1


def test_nothing_starts_before_the_first_question(tmp_path: Path) -> None:
    with prober(scripted_worker(tmp_path, ANSWER)) as asked:
        asked.choice()
    assert starts(tmp_path) == []


DEADLY = {
    "garbage": ("say('}{ no json')", "the worker answered with garbage"),
    "other json": ("say('[1, 2]')", "the worker answered with garbage"),
    "another question's answer": (ANSWER.replace("request['id']", "0"), "the worker answered with garbage"),
    "neither seen nor failed": ("say(json.dumps({'id': request['id']}))", "the worker answered with garbage"),
    "an observation of another form": (
        "say(json.dumps({'id': request['id'], 'observation': {'events': [7]}}))",
        "the worker answered with garbage",
    ),
    "half a line": ("say('{\"id\": 1, \"obser', end=''); sys.exit(0)", "the worker ended without an answer"),
    "no line": ("os.close(1); time.sleep(60)", "the worker stopped answering"),
    "exit": ("sys.exit(7)", "the worker crashed (status 7)"),
    "signal": ("os.kill(os.getpid(), 9)", "the worker crashed (signal 9)"),
    "hang": ("time.sleep(60)", "timed out after 0.3 s"),
    "half a line and a hang": ("say('{', end=''); time.sleep(60)", "timed out after 0.3 s"),
}


@pytest.mark.parametrize("fault", DEADLY)
def test_a_fault_ends_that_worker_and_the_next_question_gets_a_fresh_one(tmp_path: Path, fault: str) -> None:
    on_request, reason = DEADLY[fault]
    first = f"if len(open({str(tmp_path / 'starts')!r}).readlines()) == 1:\n    {on_request}\nelse:\n    {ANSWER}"
    with prober(scripted_worker(tmp_path, first), timeout=0.3 if "timed" in reason else 20.0) as asked:
        assert failed(asked.observe(ASKED)).reason == reason
        assert seen(asked.observe(ASKED)) == NOTHING_SEEN
    faulty, fresh = starts(tmp_path)
    assert not is_running(faulty)
    assert not is_running(fresh)


def test_a_worker_killed_while_idle_is_replaced_unnoticed(tmp_path: Path) -> None:
    with prober(scripted_worker(tmp_path, ANSWER)) as asked:
        asked.versions()
        (process,) = starts(tmp_path)
        os.kill(process, signal.SIGKILL)
        assert becomes_true(lambda: not is_running(process))
        assert seen(asked.observe(ASKED)) == NOTHING_SEEN
    assert len(starts(tmp_path)) == 2


BAD_STARTS = {
    "exit": ("", "sys.exit(5)", "the worker crashed (status 5)"),
    "silence": ("", "time.sleep(60)", "the worker did not start within 0.5 s"),
    "half a hello": ("", "say('{\"hello\":', end=''); sys.exit(0)", "the worker ended without an answer"),
    "another version": (HELLO.replace('"hello": 1', '"hello": 2'), "", "the worker is of another version"),
    "no versions": ('{"hello": 1}', "", "the worker is of another version"),
    "noise without end": ("", "say('noise ' * 400000)", "the worker started with garbage"),
}


@pytest.mark.parametrize("fault", BAD_STARTS)
def test_after_three_failed_starts_in_a_row_no_more_are_tried(tmp_path: Path, fault: str) -> None:
    hello, start, reason = BAD_STARTS[fault]
    worker = scripted_worker(tmp_path, ANSWER, hello=hello or HELLO, start=start)
    with prober(worker, start_seconds=0.5 if fault == "silence" else 20.0) as asked:
        assert {failed(asked.observe(ASKED)).reason for _ in range(5)} == {reason}
    assert len(starts(tmp_path)) == 3
    assert not any(map(is_running, starts(tmp_path)))


def test_noise_before_the_hello_is_passed_over(tmp_path: Path) -> None:
    worker = scripted_worker(tmp_path, ANSWER, start="say('a start-up hook says hello')\nsay('5')")
    with prober(worker) as asked:
        assert seen(asked.observe(ASKED)) == NOTHING_SEEN


def test_a_python_that_cannot_do_it_is_asked_once(tmp_path: Path) -> None:
    with prober(scripted_worker(tmp_path, ANSWER, hello='{"unavailable": "torch is not installed"}')) as asked:
        for _ in range(3):
            assert failed(asked.observe(ASKED)).reason == "torch is not installed"
        assert failed(asked.versions()).reason == "torch is not installed"
    assert len(starts(tmp_path)) == 1


def test_a_line_larger_than_any_pipe_arrives(tmp_path: Path) -> None:
    answer = "say(json.dumps({'id': request['id'], 'failed': str(len(request['recipe']['x'])), 'kind': 'refused'}))"
    with prober(scripted_worker(tmp_path, answer)) as asked:
        assert failed(asked.observe({"x": "y" * 3_000_000})).reason == "3000000"


def test_a_worker_that_reads_nothing_is_ended_at_the_deadline(tmp_path: Path) -> None:
    worker = scripted_worker(tmp_path, ANSWER, start=f"say({HELLO!r}); time.sleep(60)")
    with prober(worker, timeout=0.3) as asked:
        assert failed(asked.observe({"x": "y" * 3_000_000})).reason == "timed out after 0.3 s"


def test_a_wrapper_script_around_python_is_ended_with_what_it_started(tmp_path: Path) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\n{sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    with prober(scripted_worker(tmp_path, "time.sleep(60)"), python=str(wrapper), timeout=0.3) as asked:
        assert failed(asked.observe(ASKED)).reason == "timed out after 0.3 s"
        (process,) = starts(tmp_path)
        assert becomes_true(lambda: not is_running(process))


def test_threads_share_one_worker(tmp_path: Path) -> None:
    answers: list[object] = []
    with prober(scripted_worker(tmp_path, ANSWER)) as asked:
        threads = [threading.Thread(target=lambda: answers.append(seen(asked.observe(ASKED)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [NOTHING_SEEN] * 8
    assert len(starts(tmp_path)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_gets_a_worker_of_its_own(tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from probe_helpers import *
from pathlib import Path
asked = prober(Path({str(scripted_worker(tmp_path, ANSWER))!r}), cache_directory={str(tmp_path / "cache")!r})
asked.observe(recipe(build("a")))
child = os.fork()
if child == 0:
    seen(asked.observe(recipe(build("b"))))
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
seen(asked.observe(recipe(build("c"))))
seen(asked.observe(recipe(build("b"))))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=Path(__file__).parent.parent)
    assert len(starts(tmp_path)) == 2
    assert becomes_true(lambda: not any(map(is_running, starts(tmp_path))))


def directories() -> set[str]:
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("headlint-")}


def test_closing_ends_the_worker_and_removes_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    asked = prober(scripted_worker(tmp_path, ANSWER))
    asked.versions()
    assert len(directories()) == 1
    asked.close()
    assert directories() == set()
    assert not is_running(starts(tmp_path)[0])
    assert seen(asked.observe(ASKED)) == NOTHING_SEEN
    del asked
    assert directories() == set()
    assert not any(map(is_running, starts(tmp_path)))


def test_an_interrupted_question_does_not_leave_its_answer_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prober(scripted_worker(tmp_path, ANSWER)) as asked:
        asked.versions()

        def interrupt(channel: PolledChannel, deadline: float) -> bytes:
            raise KeyboardInterrupt

        with monkeypatch.context() as interrupting:
            interrupting.setattr(PolledChannel, "read", interrupt)
            with pytest.raises(KeyboardInterrupt):
                asked.observe(ASKED)
        assert seen(asked.observe(ASKED)) == NOTHING_SEEN


CLIENT = """
import sys, time
sys.path.insert(0, {tests!r})
from probe_helpers import *
from pathlib import Path
asked = prober(Path({worker!r}))
print(asked.versions().torch, asked.process_id, flush=True)
{then}
time.sleep(60)
"""


def client(worker: Path, then: str, temporary: Path) -> subprocess.Popen[str]:
    """Another process with a prober, which has started its worker."""
    tests = Path(__file__).parent
    script = CLIENT.format(tests=str(tests), worker=str(worker), then=then)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests.parent,
        env={**os.environ, "TMPDIR": str(temporary)},
    )


@needs_torch
@pytest.mark.parametrize("busy", [False, True])
def test_the_worker_does_not_outlive_its_parent(tmp_path: Path, busy: bool) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    driver = tmp_path / "driver.py"
    driver.write_text(
        LOAD_WORKER + "from headlint_worker import serving\n"
        "def hang(*arguments):\n"
        "    with open('experiment', 'w') as stream: stream.write(str(os.getpid()) + '\\n')\n"
        "    time.sleep(60)\n"
        "serving.answer_to = hang\n"
        "serving.main(sys.argv[1:])\n"
    )
    then = "asked.observe(recipe(build('resnet18')))" if busy else ""
    process = client(driver, then, temporary)
    assert process.stdout is not None
    worker = int(process.stdout.readline().split()[1])
    processes = [worker]
    if busy:
        # It may write nowhere but in its own directory.
        assert becomes_true(lambda: any(temporary.glob("*/experiment")), 60)
        (experiment,) = temporary.glob("*/experiment")
        assert becomes_true(lambda: experiment.read_text().endswith("\n"))
        processes.append(int(experiment.read_text()))
    assert all(map(is_running, processes))
    process.kill()
    process.wait()
    process.stdout.close()
    assert becomes_true(lambda: not any(map(is_running, processes)))
    assert becomes_true(lambda: list(temporary.iterdir()) == [])


def test_a_finished_program_leaves_no_worker(tmp_path: Path) -> None:
    process = client(scripted_worker(tmp_path, ANSWER), "sys.exit(0)", tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not is_running(starts(tmp_path)[0])


@needs_torch
def test_the_same_observation_where_there_is_no_fork(tmp_path: Path) -> None:
    good = recipe(build("squeezenet1_1"), watch=[[0, "classifier.1"]], shape=[2, 3, 64, 64])
    with prober() as forking:
        expected = seen(forking.observe(good))
    command = [PYTHON, "-I", str(WORKER), "--in-process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["hello"] == WORKER_VERSION

        def ask(question: object) -> object:
            assert process.stdin is not None
            assert process.stdout is not None
            line = json.dumps({"id": 5, "timeout": 60, "memory": 1 << 30, "recipe": question})
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        assert ask(good) == {"id": 5, "observation": expected}
        refused = {"id": 5, "failed": "unknown event 5", "kind": "refused"}
        assert ask({"format": 1, "events": [5]}) == refused
        assert ask(good) == {"id": 5, "observation": expected}
        process.stdin.close()
        assert process.wait(15) == 0


@needs_torch
def test_a_request_that_is_not_understood_is_answered(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    # A directory that holds something is not worked in, and so not removed.
    command = [PYTHON, "-I", str(WORKER), str(tmp_path)]
    requests = b"{ no json\n" + b"[]\n" + b'{"id": 1}\n'
    done = subprocess.run(command, input=requests, capture_output=True, cwd=tmp_path, timeout=60, check=False)
    hello, *answers = map(json.loads, done.stdout.splitlines())
    assert hello["hello"] == WORKER_VERSION
    assert answers == [{"id": None, "failed": "the request is not understood", "kind": "refused"}] * 3
    assert done.stderr == b""
    assert (tmp_path / "kept").exists()


def test_a_prober_without_a_python_says_so_at_once(tmp_path: Path) -> None:
    with Prober(str(tmp_path / "python"), cache_directory="") as asked:
        start = time.monotonic()
        assert failed(asked.observe(ASKED)).reason == f"there is no Python at {tmp_path / 'python'}"
        assert failed(asked.versions()).kind == "python"
        assert time.monotonic() - start < 5


def test_a_file_that_is_no_program_is_no_python(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x00\x01")
    (tmp_path / "python").chmod(0o755)
    with prober(python=str(tmp_path / "python")) as asked:
        assert failed(asked.observe(ASKED)).reason == f"{tmp_path / 'python'} does not start: Exec format error"
