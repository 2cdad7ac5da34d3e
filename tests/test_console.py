"""What `headlint inspect` and `headlint heads` look like: widths, colours, encodings, and who imports rich."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from headlint.output.console import console_for
from headlint.output.inspection.model import Inspection, Part
from headlint.output.inspection.text import show

LONG = "a training step takes 94.3 MB: " + ", ".join(f"part{number} {number}.5 MB" for number in range(12))


def part(name: str, state: Any, *children: Part, new: str = "", says: str = "") -> Part:
    parameters = sum(child.parameters for child in children) if children else 7_098_368
    shapes = (2, 128, 112, 112), (2, 256, 56, 56)
    return Part(name, name, "Conv2d", says, state, new, "12", 1, *shapes, parameters, 0, parameters, 0, children)


ROOT = part(
    "",
    "partly",
    part("conv1", "frozen", says="3, 64, kernel_size=(7, 7), stride=(2, 2)"),
    part("layer4", "partly", part("0", "frozen"), part("1", "trains", part("é", "trains", new="7"), new="7")),
    part("classifier", "unused", new="11"),
)
STEPS = (("5", "build resnet18 weighted"), ("12", LONG))
INSPECTION = Inspection("net.py", "5", "resnet18", 0, (), "", True, STEPS, root=ROOT, output=LONG)


def printed(width: int | None = None, stream: io.TextIOBase | None = None) -> str:
    console = console_for(stream or io.StringIO())  # type: ignore[arg-type]
    if width is not None:
        console.width = width
    with console.capture() as done:
        show(console, INSPECTION)
    return done.get()


def test_into_a_pipe_a_line_is_a_line() -> None:
    lines = printed().splitlines()
    assert not any(line != line.rstrip() or "\x1b" in line for line in lines)
    assert f"  output:      {LONG}" in lines
    assert f"     12  {LONG}" in lines
    shapes, number = "128x112x112 -> 256x56x56", "7,098,368"
    assert [line for line in lines if "frozen" in line or "é" in line] == [
        f"  conv1       Conv2d(3, 64, kernel_size=(7, 7)...)  {shapes}   {number}  frozen (line 12)",
        f"  ├── 0       Conv2d                                {shapes}   {number}  frozen (line 12)",
        f"      └── é   Conv2d                                {shapes}   {number}  trains (line 12), new (line 7)",
    ]


@pytest.mark.parametrize(("width", "arrows", "made_with"), [(80, "-> 256", False), (120, "112 -> 256", True)])
def test_in_a_terminal_nothing_is_cut_off(width: int, arrows: str, made_with: bool) -> None:
    lines = printed(width).splitlines()
    assert max(map(len, lines)) <= width
    assert ("kernel_size" in "".join(lines)) == made_with
    assert all(arrows in line for line in lines if "7,098,368" in line)
    assert {word for word in printed().split() if word[0].islower() and "(" not in word} <= set(
        "\n".join(lines).split()
    )


def test_a_terminal_of_hardly_any_width_is_kept_to() -> None:
    assert max(map(len, printed(30).splitlines())) <= 30


def test_where_only_ascii_can_be_shown_the_tree_is_drawn_with_it() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    show(console_for(stream), INSPECTION)
    stream.seek(0)
    text = stream.read()
    assert "  +-- 0 " in text
    assert "`-- \\xe9 " in text


@pytest.mark.parametrize(
    ("settings", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_are_where_check_has_them(headlint: Run, settings: dict[str, str], coloured: bool) -> None:
    for arguments in (["heads"], ["heads", "vgg16"]):
        done = headlint(*arguments, **settings)
        assert done.returncode == 0
        assert ("\x1b[1m" in done.stdout) == coloured


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudoterminals")
@pytest.mark.parametrize(("width", "terminal", "coloured"), [(80, "xterm", True), (60, "dumb", False)])
def test_a_terminal_is_asked_how_wide_it_is(
    clean_environment: dict[str, str], width: int, terminal: str, coloured: bool
) -> None:
    import fcntl
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "headlint", "heads", "fasterrcnn_resnet50_fpn"]
    subprocess.run(command, stdin=theirs, stdout=theirs, env={**clean_environment, "TERM": terminal}, check=True)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    assert ("\x1b[1m" in said) == coloured
    label = next(line for line in said.splitlines() if line.startswith("head:"))
    assert label.endswith("1024 in, 91 out") == (width >= 80)


def test_neither_flake8_nor_check_pays_for_it(clean_environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\nfrom torchvision import models\nmodel = models.vgg11()\nmodel.fc = nn.Linear(2, 3)\n"
    )
    program = (
        "import sys\nfrom flake8.main.cli import main as flake8\nfrom headlint.cli import main\n"
        "flake8(['-j1', '--select=HL', '--headlint-confirm=off', 'net.py'])\n"
        "main(['check', '--isolated', '--confirm=off', 'net.py'])\n"
        "print('rich' in sys.modules)\nmain(['heads', 'resnet18'])\nprint('rich' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=clean_environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("HL101") == 2
    assert [line for line in done.stdout.splitlines() if line in ("True", "False")] == ["False", "True"]
