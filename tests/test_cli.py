"""The command line as its users run it: findings, exit codes, and what it does when something is wrong."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, needs_torch

pty = pytest.importorskip("pty")

WRONG = """\
from torch import nn
from torchvision import models

model = models.vgg16(weights="DEFAULT")
model.fc = nn.Linear(4096, 10)
"""
RIGHT = WRONG.replace("model.fc", "model.classifier[6]")
MESSAGE = "HL101 vgg16 never calls 'fc'"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "other.py").write_text("import os\n")
    return tmp_path


# -- findings ---------------------------------------------------------------------------------------------------


@needs_torch
def test_a_finding_is_shown_with_its_line_its_evidence_and_a_hint(headlint: Run, project: Path) -> None:
    done = headlint("check", "wrong.py", "right.py", "other.py", cwd=project)
    message, source, caret, evidence, hint, fix, blank, summary, fixable = done.stdout.splitlines()
    assert message.startswith(f"wrong.py:5:1: {MESSAGE}")
    assert "[confirmed" not in message
    assert source == "5 | model.fc = nn.Linear(4096, 10)"
    assert caret == "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"
    assert evidence.startswith("  = confirmed: forward returns (2, 1000)")
    assert hint.startswith("  = hint: ")
    assert re.fullmatch(r"  = fix: .+ \(--fix\)", fix)
    assert fixable == "1 fixable with --fix"
    assert blank == ""
    assert summary == "Found 1 finding (1 confirmed) in 1 of 3 files"
    assert done.returncode == 1
    assert done.stderr == ""


def test_clean_files_say_so_and_exit_0(headlint: Run, project: Path) -> None:
    done = headlint("check", "right.py", "other.py", cwd=project)
    assert (done.stdout, done.stderr, done.returncode) == ("No findings in 2 files\n", "", 0)


def test_findings_are_those_of_flake8(headlint: Run, flake8: Run, project: Path) -> None:
    lines = WRONG.splitlines(keepends=True)
    (project / "silenced.py").write_text("".join([*lines[:-1], lines[-1].rstrip() + "  # noqa: HL101\n"]))
    (project / "file.py").write_text("# flake8: noqa\n" + WRONG)
    (project / "split.py").write_text(
        "".join(lines[:-1])
        + "model.fc = nn.Linear(4096, len('''\n'''))  # noqa: HL101\n"
        + "model.head = nn.Linear(\n    4096,\n    10,  # noqa\n)\n"
    )
    (project / "windows.py").write_bytes(WRONG.replace("\n", "\r\n").encode())
    (project / "marked.py").write_bytes(b"\xef\xbb\xbf" + WRONG.encode())
    (project / "latin.py").write_bytes(b"# coding: latin-1\n" + WRONG.replace("10", "ord('\xe9')").encode("latin-1"))
    ours = headlint("check", "--confirm=off", "--output-format=concise", ".", cwd=project)
    theirs = flake8("--headlint-confirm=off", ".", cwd=project)
    assert ours.stdout.splitlines() == [line.removeprefix("./") for line in theirs.stdout.splitlines()]
    assert [line.partition(":")[0] for line in ours.stdout.splitlines()] == [
        "latin.py", "marked.py", "split.py", "windows.py", "wrong.py"
    ]  # fmt: skip
    assert ours.returncode == theirs.returncode == 1


def test_standard_input(headlint: Run, project: Path) -> None:
    done = headlint("check", "--confirm=off", "-", stdin=WRONG, cwd=project)
    assert done.stdout.startswith(f"stdin:5:1: {MESSAGE}")
    done = headlint("check", "--confirm=off", "--stdin-filename=a/b.py", "--output-format=concise", "-", stdin=WRONG)
    assert done.stdout.startswith(f"a/b.py:5:1: {MESSAGE}")
    assert len(done.stdout.splitlines()) == done.returncode == 1


def test_carets_stand_under_the_code(headlint: Run, project: Path) -> None:
    (project / "wide.py").write_text(
        "from torch import nn\nfrom torchvision import models\nm = models.resnet18()\n"
        "if True:\n\t'日本\x0c'; m.fc = nn.Linear(100, 2)\n"
    )
    done = headlint("check", "--confirm=off", "wide.py", cwd=project)
    _, source, caret, *_ = done.stdout.splitlines()
    assert source == "5 | \t'日本\N{REPLACEMENT CHARACTER}'; m.fc = nn.Linear(100, 2)"
    width = 4 + len("'") + 2 * len("日本") + len("\x0c'; m.fc = ")
    assert caret == "  | \t" + " " * (width - 4) + "^" * len("nn.Linear(100, 2)")


def test_select(headlint: Run, project: Path) -> None:
    (project / "wrong.py").write_text(WRONG + "net = models.resnet50()\nnet.fc = nn.Linear(1024, 10)\n")

    def codes(*options: str) -> set[str]:
        done = headlint("check", "--confirm=off", "--output-format=concise", *options, "wrong.py", cwd=project)
        return set(re.findall(r"HL\d+", done.stdout))

    assert codes() == {"HL101", "HL201"}
    assert codes("--select=HL2") == {"HL201"}
    assert codes("--select=hl101, HL301") == {"HL101"}


def test_unconfirmed_findings_can_be_left_out(headlint: Run, project: Path) -> None:
    done = headlint("check", "--confirm=require", "--python=nowhere/python", "wrong.py", cwd=project)
    assert done.stdout == "No findings in 1 file; 1 unconfirmed not shown\n"
    assert done.returncode == 0
    done = headlint("check", "--python=nowhere/python", "wrong.py", cwd=project)
    assert "= unconfirmed: there is no Python at nowhere/python\n" in done.stdout
    assert "Found 1 finding (1 unconfirmed) in 1 of 1 file\n" in done.stdout


# -- explaining ---------------------------------------------------------------------------------------------------

EXPLAINED = """\
import sys

import torch
from torch import nn
from torchvision import models

from elsewhere import prepare, widths


def build(arch, n):
    if arch == "resnet18":
        model = models.resnet18(weights="DEFAULT")
    else:
        model = models.alexnet(num_classes=n)
    for parameter in model.parameters():
        parameter.requires_grad = False
    if arch == "resnet18":
        model.fc = nn.Sequential(nn.Linear(512, n), nn.ReLU())
    else:
        model.classifier[6] = nn.Linear(4096, n)
        del model.avgpool
    return model


model = build(sys.argv[1], 5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
prepare(model)
"""


def test_an_explanation_tells_events_lines_conditions_and_escapes(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(EXPLAINED)
    done = headlint("check", "--explain", "--confirm=off", "program.py", cwd=tmp_path)
    assert (
        done.stdout
        == """\
program.py:12: resnet18
  when arch == "resnet18":
     12  build resnet18 weighted
     16  freeze 62 parameters of the model
     18  set fc = Sequential(Linear(512, 5), ReLU())
     26  make SGD over 62 parameters
     27  hand over the model: 'prepare(model)' is called with it
program.py:14: alexnet
  when not (arch == "resnet18"):
     14  build alexnet(num_classes=5)
     16  freeze 16 parameters of the model
     20  set classifier[6] = Linear(4096, 5)
     21  delete avgpool
     26  make SGD over 16 parameters
     27  hand over the model: 'prepare(model)' is called with it

No findings in 1 file
"""
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_an_explanation_tells_what_was_not_known(headlint: Run, tmp_path: Path) -> None:
    text = WRONG + "head = nn.Linear(nowhere, 10)\nthing.model = head\nmodel.classifier[index] = model[nowhere]\n"
    (tmp_path / "program.py").write_text(text)
    done = headlint("check", "--explain", "--confirm=off", "program.py", cwd=tmp_path)
    unknown = done.stdout.partition("  not known:\n")[2].partition("\nprogram.py:")[0]
    assert next(line.split() for line in unknown.splitlines() if "nowhere" in line) == [
        "6", "nowhere:", "'nowhere'", "is", "not", "bound", "in", "this", "file"
    ]  # fmt: skip
    assert "      7  thing.model: put into something unknown" in unknown.splitlines()


def test_an_explanation_changes_no_finding(headlint: Run, project: Path) -> None:
    plainly = headlint("check", "--confirm=off", "--output-format=concise", ".", cwd=project)
    explained = headlint("check", "--explain", "--confirm=off", "--output-format=concise", ".", cwd=project)
    assert [line for line in explained.stdout.splitlines() if ": HL" in line] == plainly.stdout.splitlines()
    assert explained.returncode == plainly.returncode == 1


def test_standard_input_is_explained_under_its_name(headlint: Run) -> None:
    done = headlint("check", "--explain", "--confirm=off", "--stdin-filename=cell.py", "-", stdin=RIGHT)
    assert done.stdout.splitlines()[:2] == ["cell.py:4: vgg16", "      4  build vgg16 weighted"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("import os\n", "nothing of torchvision's models is used here"),
        ("import torchvision\nmodels = torchvision.models\n", "no model of torchvision is built here"),
        ("import torchvision\nmodels = torchvision.models.resnet18(\n", "cannot be parsed"),
        ("import torchvision\nx = torchvision.models\0\n", "cannot be parsed"),
    ],
)
def test_there_is_an_explanation_for_every_file(text: str, answer: str, headlint: Run) -> None:
    done = headlint("check", "--explain", "--confirm=off", "-", stdin=text)
    assert done.stdout.splitlines()[0].startswith(f"stdin: {answer}")


@pytest.mark.parametrize("folder", ["clean", "twins", "reveal"])
def test_every_program_is_explained(folder: str, headlint: Run) -> None:
    done = headlint("check", "--explain", "--confirm=off", Path(__file__).parent.parent / "fixtures" / folder)
    assert done.stdout.count(": resnet") > 10
    assert "failed to explain" not in done.stdout


# -- what can be wrong ------------------------------------------------------------------------------------------


def test_a_missing_path_is_named_and_the_rest_is_checked(headlint: Run, project: Path) -> None:
    done = headlint("check", "--confirm=off", "nowhere.py", "wrong.py", cwd=project)
    assert done.stderr == "headlint: no such file or directory: nowhere.py\n"
    assert MESSAGE in done.stdout
    assert done.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("check", "--confirm=perhaps", "."),
        ("check", "--timeout=0", "."),
        ("check", "--timeout=soon", "."),
        ("check", "--select=HL9", "."),
        ("check", "--select=,", "."),
        ("check", "--no-such-option", "."),
        ("chekc", "."),
    ],
)
def test_wrong_use_is_refused(headlint: Run, project: Path, arguments: tuple[str, ...]) -> None:
    done = headlint(*arguments, cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(("headlint: error:", "headlint check: "))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (WRONG.encode() + b"# \xff\n", "bad.py:6:3: cannot be decoded: byte 0xff is not valid utf-8"),
        (b"# coding: nonsense\n", "bad.py:1:1: cannot be decoded: unknown encoding: nonsense"),
        (WRONG.encode() + b"def (:\n", "bad.py:6:"),
        (WRONG.encode() + b"\0\n", "bad.py:1:1: cannot be parsed: it contains a NUL byte"),
    ],
    ids=["byte", "cookie", "syntax", "nul"],
)
def test_a_file_that_is_no_python_is_named(headlint: Run, project: Path, data: bytes, complaint: str) -> None:
    (project / "bad.py").write_bytes(data)
    done = headlint("check", "bad.py", "right.py", cwd=project)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"headlint: {complaint}")
    assert done.stdout == "No findings in 1 file; 1 file could not be checked\n"
    assert done.returncode == 1


def test_what_only_our_parser_refuses_is_no_fault_of_the_file(headlint: Run, project: Path) -> None:
    (project / "glued.py").write_text(RIGHT + "x = 1 if model else(lambda: 2)\n")
    done = headlint("check", "glued.py", cwd=project)
    (line,) = done.stderr.splitlines()
    assert line.startswith("headlint: glued.py:")
    assert done.returncode == 0


@pytest.mark.parametrize("data", [b"", b"\n", b"\x0c", b"\xef\xbb\xbf", b"# torchvision models"])
def test_files_without_code_are_clean(headlint: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "empty.py").write_bytes(data)
    assert headlint("check", ".", cwd=tmp_path).stdout == "No findings in 1 file\n"


def test_a_link_to_nothing_in_a_directory_is_named(headlint: Run, project: Path) -> None:
    (project / "dangling.py").symlink_to("nowhere.py")
    done = headlint("check", "--confirm=off", ".", cwd=project)
    assert done.stderr == "headlint: dangling.py: cannot be read: No such file or directory\n"
    assert MESSAGE in done.stdout
    assert done.returncode == 1


def test_names_and_lines_the_terminal_cannot_show(headlint: Run, project: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (project / name).write_text(WRONG + "model.fc = nn.Linear(4096, len('é'))\n", encoding="utf-8")
    done = headlint("check", "--confirm=off", ".", cwd=project, PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert "caf\\udce9.py:6:1: HL101" in done.stdout
    assert "len('\\xe9')" in done.stdout


# -- terminals --------------------------------------------------------------------------------------------------


def in_terminal(environment: dict[str, str], cwd: Path, *arguments: str, stream: str = "stdout", **extra: str) -> str:
    """What a command writes on `stream` when that is a terminal."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm", **extra},
        **streams,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the way in which Linux says that the other side has closed
        while chunk := os.read(ours, 4096):
            seen += chunk
    os.close(ours)
    process.wait()
    return seen.decode()


def test_colour_is_for_terminals(clean_environment: dict[str, str], project: Path) -> None:
    command = ("-m", "headlint", "check", "--confirm=off", "wrong.py")
    assert "\x1b[1;31mHL101\x1b[0m" in in_terminal(clean_environment, project, *command)
    for extra in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = in_terminal(clean_environment, project, *command, **extra)
        assert MESSAGE in plain
        assert "\x1b" not in plain


def test_long_runs_show_progress_in_a_terminal(clean_environment: dict[str, str], project: Path) -> None:
    # A run that has lasted long enough from its first file on.
    program = (
        "import sys, headlint.output.terminal as terminal; terminal.QUIET_SECONDS = -1\n"
        "from headlint.cli import main; sys.exit(main(['check', '--confirm=off', '.']))"
    )
    shown = in_terminal(clean_environment, project, "-c", program, stream="stderr")
    assert "[1/3] other.py" in shown
    assert "[3/3] wrong.py" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_reader_that_goes_away_is_no_fault(clean_environment: dict[str, str], project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "headlint", "rule", "HL101"],
        env=clean_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_an_interrupt_ends_it_quietly(clean_environment: dict[str, str], project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "headlint", "check", "--confirm=off", "wrong.py", "-"],
        cwd=project,
        env=clean_environment,
        # A shell starts what it runs in the background deaf to interrupts, and these tests with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert MESSAGE.encode() in process.stdout.readline()
    # Now it waits for its standard input, for ever.
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=30)
    assert complaints == b""
    assert process.returncode == 130


# -- the other commands -----------------------------------------------------------------------------------------


def test_rule_prints_the_page(headlint: Run) -> None:
    done = headlint("rule", "hl101")
    assert done.stdout.startswith("HL101 unused-head: ")
    assert "\n## Why it matters\n" in done.stdout
    assert done.returncode == 0


def test_rule_lists_all_rules(headlint: Run) -> None:
    lines = headlint("rule").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert any(line.startswith("HL201  in-features-mismatch") for line in lines)


def test_an_unknown_rule_gets_the_nearest(headlint: Run) -> None:
    done = headlint("rule", "HL111")
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith("headlint rule: there is no rule 'HL111'; the nearest: ")


def test_heads(headlint: Run) -> None:
    table = headlint("heads")
    assert "resnet50" in table.stdout
    assert "densenet121" in table.stdout
    one = headlint("heads", "resnet50")
    assert "fc" in one.stdout
    assert "2048" in one.stdout
    assert table.returncode == one.returncode == 0


def test_an_unknown_model_gets_the_nearest(headlint: Run) -> None:
    done = headlint("heads", "resnet5O")
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith("headlint heads: ")
    assert "resnet50" in done.stderr


@needs_torch
def test_doctor_tries_it(headlint: Run, tmp_path: Path) -> None:
    done = headlint("doctor", "--cache-dir", tmp_path)
    facts = {line[:15].strip(): line[15:] for line in done.stdout.splitlines()}
    assert ", because " in facts["confirms with"]
    assert ", torch " in facts["versions"]
    assert "forward returns (2, 10), in " in facts["live probe"]
    assert facts["cache"].startswith(str(tmp_path))
    assert done.returncode == 0


def test_doctor_says_what_is_missing(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = headlint("doctor", "--python", tmp_path / "python", "--cache-dir", tmp_path / "file" / "cache")
    assert f"none: there is no Python at {tmp_path / 'python'}" in done.stdout
    assert "which cannot be used: verdicts are not kept" in done.stdout
    assert (done.returncode, done.stderr) == (1, "")


def test_version(headlint: Run) -> None:
    assert re.fullmatch(r"headlint \d+\.\d+\.\d+\n", headlint("--version").stdout)


@needs_torch
def test_verify_replays_everything_and_counts_what_runs(headlint: Run, tmp_path: Path) -> None:
    imports = "from torch import nn\nfrom torchvision import models\n"
    (tmp_path / "a.py").write_text(f"{imports}a = models.resnet18()\na.fc = nn.Linear(512, 2)\nb = models.vgg11()\n")
    done = headlint("check", "--verify", "a.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "No findings in 1 file\n2 models verified by a forward pass\n")
    (tmp_path / "b.py").write_text(f"{imports}c = models.resnet18()\nc.layer4 = nn.Conv2d(256, 128, 1)\n")
    done = headlint("check", "--verify", "--output-format=concise", "b.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("b.py:4:1: HL200 'layer4' is replaced in resnet18")
    assert done.stderr == "0 of 1 model verified by a forward pass\n"
    assert headlint("check", "b.py", cwd=tmp_path).stdout == "No findings in 1 file\n"
