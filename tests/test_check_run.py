"""A run of `headlint check`: configuration, processes, interrupts, watching, and what does not go together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Run, needs_torch

from headlint.output.formats import Look
from headlint.output.statistics import report
from headlint.run.checked import Checked
from headlint.run.pool import processes_for

WRONG = """\
from torch import nn
from torchvision import models

model = models.vgg16(weights="DEFAULT")
model.fc = nn.Linear(4096, 10)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "pyproject.toml").write_text("[tool.headlint]\nconfirm = 'off'\noutput-format = 'concise'\n")
    return tmp_path


def test_the_file_stands_above_the_defaults_and_the_command_line_above_the_file(headlint: Run, project: Path) -> None:
    assert headlint("check", cwd=project).stdout.splitlines()[0].endswith("[unconfirmed: confirmation is off]")
    assert headlint("check", "--output-format=text", cwd=project).stdout.count("\n") > 3
    isolated = headlint("check", "--isolated", "--confirm=off", cwd=project)
    assert "Found 1 finding" in isolated.stdout
    (project / "pyproject.toml").write_text("[tool.headlint]\nignore = ['HL101']\nconfirm = 'off'\n")
    assert headlint("check", cwd=project).stdout == "No findings in 1 file\n"
    assert "HL101" in headlint("check", "--select=HL1", cwd=project).stdout
    named = headlint("check", "--config", project / "pyproject.toml", project / "wrong.py")
    assert named.stdout == "No findings in 1 file\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--config=nowhere.toml",), "nowhere.toml: cannot be read: No such file or directory"),
        (("--config=a", "--isolated"), "--config does not go with --isolated"),
        (("--diff", "--add-noqa"), "--add-noqa does not go with --diff"),
        (("--watch", "--fix"), "--watch does not go with --fix"),
        (("--statistics", "--output-format=json"), "--explain and --statistics go with the formats text and concise"),
        (("--ignore=HL1,XX",), "--ignore: no rule begins with 'XX'; the nearest: 'HL"),
        (("--exclude=!",), "--exclude: '!' is not a pattern as .gitignore has them"),
    ],
)
def test_what_does_not_go_is_refused_in_one_line(
    headlint: Run, project: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    (project / "a").write_text("")
    done = headlint("check", *arguments, cwd=project)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"headlint check: {complaint}")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_a_wrong_configuration_is_refused_in_one_line(headlint: Run, project: Path, command: str) -> None:
    (project / "pyproject.toml").write_text("[tool.headlint]\nselct = ['HL1']\n")
    done = headlint(command, cwd=project)
    assert done.stderr == (
        f"headlint {command}: pyproject.toml: [tool.headlint] has no key 'selct'; the nearest: 'select'\n"
    )
    assert (done.returncode, done.stdout) == (2, "")
    (project / "pyproject.toml").write_text("[tool.headlint]\noutput-format = 'xml'\n")
    done = headlint("check", cwd=project)
    assert "output-format: must be one of concise, github, " in done.stderr
    assert done.returncode == 2


def test_a_wrong_configuration_below_is_told(headlint: Run, project: Path) -> None:
    (project / "deep").mkdir()
    (project / "deep" / "a.py").write_text(WRONG)
    (project / "deep" / "pyproject.toml").write_text("[tool.headlint]\nselect = 3\n")
    for arguments in ((), ("deep/a.py",), ("--jobs=2", "deep/a.py", "wrong.py"), ("--show-settings", "deep")):
        done = headlint("check", *arguments, cwd=project)
        (line,) = done.stderr.splitlines()
        assert line.endswith("deep/pyproject.toml: [tool.headlint] select: must be a list of strings")
        assert done.returncode == 2


def test_the_settings_are_shown_with_where_they_are_from(headlint: Run, project: Path) -> None:
    lines = headlint("check", "--show-settings", "--timeout=5", cwd=project).stdout.splitlines()
    file = project / "pyproject.toml"
    assert f'confirm = "off"  # {file}' in lines
    assert "timeout = 5.0  # command line" in lines
    assert "respect-gitignore = true  # default" in lines
    assert "# python: as by default" in lines
    assert lines[-2] == f"# rules for any.py, as {file} has it"
    assert lines[-1].startswith("# HL101, ")


def test_findings_can_be_no_failure(headlint: Run, project: Path) -> None:
    assert headlint("check", cwd=project).returncode == 1
    assert headlint("check", "--exit-zero", cwd=project).returncode == 0
    assert headlint("check", "--exit-zero", "nowhere", cwd=project).returncode == 2


def test_excluded_files(headlint: Run, project: Path) -> None:
    (project / "old").mkdir()
    (project / "old" / "a.py").write_text(WRONG)
    assert headlint("check", "--exclude=old/,*.txt", cwd=project).stdout.count("HL101") == 1
    assert headlint("check", "--exclude=old/", "old/a.py", cwd=project).stdout.count("HL101") == 1
    forced = headlint("check", "--exclude=old/", "--force-exclude", "old/a.py", cwd=project)
    assert (forced.stdout, forced.returncode) == ("", 0)


def test_standard_input_is_checked_as_its_name_is_configured(headlint: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.headlint]\nconfirm = 'off'\n[tool.headlint.per-file-ignores]\n'old/' = ['HL1']\n"
    )
    for name, findings in (("old/a.py", 0), ("new/a.py", 1)):
        done = headlint("check", f"--stdin-filename={name}", "-", stdin=WRONG, cwd=project)
        assert (done.stdout.count("HL101"), done.returncode) == (findings, findings)


def test_colour_can_be_forced(headlint: Run, project: Path) -> None:
    assert "\x1b[1;31mHL101" in headlint("check", "--output-format=text", cwd=project, FORCE_COLOR="1").stdout
    both = headlint("check", "--output-format=text", cwd=project, FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b" not in both.stdout


def test_statistics(headlint: Run, project: Path) -> None:
    done = headlint("check", "--statistics", cwd=project)
    head, line = done.stdout.splitlines()
    assert head.split() == ["findings", "confirmed", "unconfirmed", "refuted", "rule"]
    assert line.split() == ["1", "0", "1", "0", "HL101", "unused-head"]
    assert done.returncode == 1


def test_statistics_count_what_was_refuted() -> None:
    lines = list(report([Checked("a", refuted=("HL201", "HL201")), Checked("b", refuted=("HL101",))], Look()))
    assert [line.split() for line in lines[1:]] == [
        ["0", "0", "0", "1", "HL101", "unused-head"],
        ["0", "0", "0", "2", "HL201", "in-features-mismatch"],
    ]


# -- processes -----------------------------------------------------------------------------------------------------


def test_processes_are_started_where_they_are_of_use() -> None:
    assert [processes_for(files, None) for files in (0, 1, 15)] == [1, 1, 1]
    assert processes_for(1000, None) == len(os.sched_getaffinity(0))
    assert [processes_for(files, 4) for files in (0, 1, 2, 9)] == [1, 1, 2, 4]


@needs_torch
def test_several_processes_find_what_one_finds(headlint: Run, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"wrong{number}.py").write_text(WRONG.replace("10", str(number + 2)))
    (tmp_path / "bad.py").write_text(WRONG + "def (:\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    alone = headlint("check", "--jobs=1", cwd=tmp_path)
    together = headlint("check", "--jobs=4", cwd=tmp_path)
    assert together.stdout.count("= confirmed: ") == 9
    assert (together.stdout, together.stderr, together.returncode) == (alone.stdout, alone.stderr, alone.returncode)


def test_a_process_that_dies_costs_its_file(project: Path, clean_environment: dict[str, str]) -> None:
    for number in range(6):
        (project / f"file{number}.py").write_text(WRONG if number != 2 else "kill me\n")
    program = (
        "import os, sys, headlint.run.checking as c\n"
        "real = c.read_source\n"
        "def read_source(data, name):\n"
        "    if data.startswith(b'kill'): os._exit(9)\n"
        "    return real(data, name)\n"
        "c.read_source = read_source\n"
        "from headlint.cli import main; sys.exit(main(['check', '--jobs=2']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=clean_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "headlint: file2.py:1:1: headlint failed on this file (its process ended)\n"
    assert done.stdout.count("HL101") == 6
    assert done.returncode == 1


def processes_of(marker: str) -> set[int]:
    """The running processes whose environment has this marker."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marker.encode() in environment and state != "Z":
                found.add(int(entry.name))
    return found


@contextmanager
def started(command: list[str], cwd: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "headlint", *command],
        cwd=cwd,
        env=environment,
        # A shell starts what it runs in the background deaf to interrupts, and these tests with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_an_interrupt_leaves_no_process_and_nothing_half_written(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    for number in range(300):
        (tmp_path / f"wrong{number:03}.py").write_text(WRONG)
    marker = f"HEADLINT_TEST_MARK={os.getpid()}-{time.monotonic_ns()}"
    name, _, value = marker.partition("=")
    environment = {**clean_environment, name: value}
    command = ["check", "--confirm=off", "--fix", "--unsafe-fixes", "--jobs=3", "--output-format=concise"]
    with started(command, tmp_path, environment) as process:
        assert process.stdout is not None
        while len(processes_of(marker)) < 4 or (tmp_path / "wrong000.py").read_text() == WRONG:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (130, b"")
    assert processes_of(marker) == set()
    assert {path.suffix for path in tmp_path.iterdir()} == {".py"}
    mended = WRONG.replace("model.fc", "model.classifier[6]")
    assert {path.read_text() for path in tmp_path.iterdir()} <= {WRONG, mended}


def test_a_watched_file_is_checked_again(project: Path, clean_environment: dict[str, str]) -> None:
    (project / "other.py").write_text("x = 1\n")
    with started(["check", "--watch"], project, clean_environment) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)

        def until(text: bytes, seen: bytes = b"") -> None:
            deadline = time.monotonic() + 30
            while text not in seen:
                assert time.monotonic() < deadline, seen
                assert process.stdout is not None
                seen += process.stdout.read() or b""
                time.sleep(0.05)

        until(b"wrong.py:5:1: HL101")
        (project / "other.py").write_text(WRONG)
        until(b"other.py:5:1: HL101")
        (project / "pyproject.toml").write_text("[tool.headlint]\nconfirm = 'off'\nignore = ['HL1']\n")
        until(b"No findings in 2 files")
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (130, b"")
