"""The pipeline: settings, verdicts and files that are no ordinary programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs_torch
from probe_helpers import ANSWER, prober, scripted_worker, starts

from headlint.history import Recipe, Witnesses
from headlint.lint import Linter, Report, Settings
from headlint.probe.protocol import Failure
from headlint.verdicts import without_witnesses

IMPORTS = "from torch import nn\nfrom torchvision import models\n"
WRONG = IMPORTS + "model = models.resnet18()\nmodel.classifier = nn.Linear(512, 10)\n"
SYMBOLIC = IMPORTS + "n = int(input())\nmodel = models.resnet50()\nmodel.fc = nn.Linear(n, len(names))\n"


def report(text: str, settings: Settings | None = None) -> Report:
    with Linter(settings or Settings(confirm="off")) as linter:
        return linter.lint_unguarded(text, "program.py")


def answered(linter: Linter, data: dict[str, object] | Failure, directory: Path) -> Path:
    """A linter whose worker answers every question with `data`; where its starts are counted."""
    say = f"say(json.dumps({{'id': request['id'], 'observation': {data!r}}}))"
    linter._prober = prober(scripted_worker(directory, say))  # noqa: SLF001
    return directory


def seen(**head: object) -> dict[str, object]:
    facts = {
        "calls": 0,
        "arrived": None,
        "parameters": 2,
        "trainable": 2,
        "reached": 0,
        "used": 0,
        "inside": True,
        "modules_called": 0,
        "weight": None,
        "held": 0,
    }
    return {
        "events": [None, None, None],
        "optimizers": [],
        "forward": {"output": [2, 1000], "raised": None, "stopped": None},
        "watch": {"1:": {**facts, **head}},
        "model": {"parameters": 64, "trainable": 64, "used": 62, "reached": 62},
    }


# -- verdicts ----------------------------------------------------------------------------------------------------


def test_off_starts_no_worker() -> None:
    with Linter(Settings(confirm="off", python="/nowhere/python")) as linter:
        (finding,) = linter.lint(WRONG, "program.py").findings
        assert linter._prober is None  # noqa: SLF001
    assert (finding.code, finding.verdict.kind, finding.verdict.reason) == (
        "HL101",
        "unconfirmed",
        "confirmation is off",
    )
    assert finding.line.endswith("[unconfirmed: confirmation is off]")


def test_a_missing_worker_leaves_findings_unconfirmed_with_the_reason() -> None:
    (finding,) = report(WRONG, Settings(python="/nowhere/python")).findings
    assert finding.evidence is None
    assert (finding.verdict.kind, finding.verdict.reason) == ("unconfirmed", "there is no Python at /nowhere/python")


def test_require_hides_and_counts_what_is_not_confirmed() -> None:
    hidden = report(
        WRONG + "other = models.vgg16()\nother.fc = nn.Linear(4096, 1)\n", Settings("require", "/nowhere/python")
    )
    assert (hidden.findings, hidden.hidden) == ((), 2)


@pytest.mark.parametrize("confirm", ["auto", "require"])
def test_confirmed_findings_carry_evidence(confirm: str, tmp_path: Path) -> None:
    with Linter(Settings(confirm="auto" if confirm == "auto" else "require")) as linter:
        answered(linter, seen(), tmp_path)
        (finding,) = linter.lint_unguarded(WRONG, "program.py").findings
    assert finding.verdict.kind == "confirmed"
    assert finding.evidence is not None
    assert finding.evidence.text == "forward returns (2, 1000) without calling it (torchvision 0.20.0)"
    assert len(starts(tmp_path)) == 1


@pytest.mark.parametrize("confirm", ["auto", "require"])
def test_refuted_findings_are_dropped(confirm: str, tmp_path: Path) -> None:
    with Linter(Settings(confirm="auto" if confirm == "auto" else "require")) as linter:
        answered(linter, seen(used=2, reached=2), tmp_path)
        assert linter.lint_unguarded(WRONG, "program.py") == Report((), (), 0, refuted=("HL101",))
    assert starts(tmp_path)


def test_clean_programs_and_other_files_start_no_worker(tmp_path: Path) -> None:
    with Linter(Settings()) as linter:
        linter._prober = prober(scripted_worker(tmp_path, ANSWER))  # noqa: SLF001
        assert linter.lint(IMPORTS + "m = models.resnet18()\nm.fc = nn.Linear(512, 10)\n", "a.py") == Report((), (), 0)
        assert linter.lint("import os\n", "b.py") == Report((), (), 0)
    assert starts(tmp_path) == []


def test_one_worker_serves_many_files(tmp_path: Path) -> None:
    with Linter(Settings()) as linter:
        answered(linter, seen(), tmp_path)
        for name in ("resnet18", "resnet34", "resnet50"):
            assert linter.lint_unguarded(WRONG.replace("resnet18", name), name).findings
    assert len(starts(tmp_path)) == 1


def test_select_asks_only_these_rules() -> None:
    text = WRONG + "other = models.resnet50()\nother.fc = nn.Linear(512, 10)\n"
    assert [finding.code for finding in report(text).findings] == ["HL101", "HL201"]
    for select, codes in [({"HL1"}, ["HL101"]), ({"HL201"}, ["HL201"]), ({"HL"}, ["HL101", "HL201"]), (set(), [])]:
        settings = Settings(confirm="off", select=frozenset(select))
        assert [finding.code for finding in report(text, settings).findings] == codes


def test_rules_that_are_off_by_default_run_when_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headlint.lint.codes_off_by_default", lambda: ["HL101"])
    text = WRONG + "other = models.resnet50()\nother.fc = nn.Linear(512, 10)\n"
    for select, codes in [(None, ["HL201"]), ({"HL1"}, []), ({"HL"}, ["HL201"]), ({"HL101"}, ["HL101"])]:
        settings = Settings(confirm="off", select=None if select is None else frozenset(select))
        assert [finding.code for finding in report(text, settings).findings] == codes


def test_symbols_of_several_parts_stand_in_brackets() -> None:
    symbols = {1009: "n * 2", 1013: "args.hidden", 1019: "len(names)", 1021: "a if b else c", 1031: "sizes[0]"}
    recipe = Recipe({}, {}, Witnesses({}, symbols))
    shown = without_witnesses("256x1009 and 1013x1019, (2, 1021), 1031 of 10090 and 21009", recipe)
    assert shown == "256x(n * 2) and args.hiddenxlen(names), (2, (a if b else c)), sizes[0] of 10090 and 21009"
    assert without_witnesses("0.00092, 0.1009 and 1009.5", recipe) == "0.00092, 0.1009 and 1009.5"


def test_a_linter_that_nobody_closes_says_nothing_at_the_end(tmp_path: Path) -> None:
    scripted = scripted_worker(tmp_path, ANSWER)
    program = (
        "import sys\nsys.path.insert(0, 'tests')\nfrom probe_helpers import prober, build, recipe\n"
        f"from pathlib import Path\nasked = prober(Path({str(scripted)!r}), cache_directory={str(tmp_path)!r})\n"
        "print(asked.observe(recipe(build('resnet18'))).data)\n"
        "import builtins\nbuiltins.kept_to_the_very_end = asked\ndel asked\n"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-X", "dev", "-c", program]
    done = subprocess.run(command, check=True, cwd=root, timeout=60, capture_output=True, text=True)
    assert done.stdout.startswith("{'events': []")
    assert done.stderr == ""
    assert (tmp_path / "observations.sqlite").exists()


def test_findings_come_in_the_order_of_the_text() -> None:
    text = IMPORTS + (
        "def b():\n    m = models.vgg16()\n    m.fc = nn.Linear(1, 1)\ndef a():\n    m = models.vgg16()\n"
        "    m.fc = nn.Linear(1, 1)\nm = models.vgg16()\nm.fc = nn.Linear(1, 1)\na()\nb()\n"
    )
    assert [finding.span.line for finding in report(text).findings] == [5, 8, 10]


@needs_torch
def test_witnesses_never_show(tmp_path: Path) -> None:
    (finding,) = report(
        SYMBOLIC.replace("(n, ", "(n // 2 + 1, "), Settings(cache_directory=str(tmp_path))
    ).findings or (None,)
    assert finding is None  # a symbolic width may be right
    text = IMPORTS + (
        "n = int(input())\nmodel = models.resnet50()\n"
        "model.fc = nn.Sequential(nn.Linear(2048, n), nn.Linear(64, n * 2))\n"
    )
    text += "other = models.resnet18()\nother.fc = nn.Linear(2048, n)\n"
    findings = report(text, Settings(cache_directory=str(tmp_path))).findings
    assert [finding.code for finding in findings] == ["HL201"]
    line = findings[0].line
    assert "2048xint(input())" in line
    assert not any(str(number) in line for number in (1009, 1013, 1019))


# -- files that are no ordinary programs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (WRONG + "def (:\n", "5:"),
        (WRONG + "\0\n", "1:1: cannot be parsed: it contains a NUL byte"),
        (WRONG + "x = 'open\n", "1:1: cannot be parsed: "),
        (WRONG + "if True:\nx = 1\n", "6:"),
        # Python takes it, libcst does not.
        (WRONG + "x = 1 if model else(lambda: 2)\n", "1:1: cannot be parsed: "),
    ],
)
def test_what_cannot_be_parsed_gets_one_note(text: str, note: str) -> None:
    found = report(text)
    assert found.findings == ()
    (line,) = found.notes
    assert line.startswith(note)
    assert "\n" not in line


@pytest.mark.parametrize(
    "text", ["", "\n", "\ufeff", "\x0c", "# torchvision models", "'torchvision models'", "import torchvision.models"]
)
def test_files_without_surgery_are_clean(text: str) -> None:
    assert report(text) == Report((), (), 0)


@pytest.mark.parametrize("prefix", ["\ufeff", "\n\n", "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n", "'''docs'''\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_how_lines_end_and_files_begin_does_not_matter(prefix: str, end: str) -> None:
    (finding,) = report((prefix + WRONG).replace("\n", end)).findings
    assert (finding.code, finding.span.line) == ("HL101", 4 + prefix.count("\n"))


NESTED = {
    "blocks": "\n".join(" " * i + "if x:" for i in range(90)) + "\n" + " " * 90 + "pass",
}


@pytest.mark.parametrize("code", NESTED.values(), ids=NESTED.keys())
def test_deep_nesting_ends_in_a_note_or_not_at_all(code: str) -> None:
    found = report(WRONG + code + "\n")
    assert all(finding.code == "HL101" for finding in found.findings)
    assert found.findings or [note for note in found.notes if "deep" in note or "parsed" in note]


def test_a_fault_of_ours_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Linter, *program: object, fixes: bool | None) -> Report:
        raise KeyError("oops")

    monkeypatch.setattr(Linter, "lint_unguarded", broken)
    with Linter(Settings(confirm="off")) as linter:
        found = linter.lint(WRONG, "program.py")
    assert found == Report((), ("1:1: headlint failed on this file (KeyError: 'oops')",), 0)


@needs_torch
def test_the_linting_process_never_imports_torch(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom headlint.lint import Linter, Settings\n"
        f"with Linter(Settings(cache_directory={str(tmp_path)!r})) as linter:\n"
        f"    (finding,) = linter.lint({WRONG!r}, 'program.py').findings\n"
        "assert finding.verdict.kind == 'confirmed', finding\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('torch', 'torchvision')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent, timeout=120)


def test_a_file_that_does_not_concern_it_costs_no_parser() -> None:
    program = (
        "import sys\nfrom headlint.lint import Linter, Settings\n"
        "with Linter(Settings()) as linter:\n    linter.lint('import os', 'program.py')\n"
        "assert 'libcst' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent, timeout=60)
