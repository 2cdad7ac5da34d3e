"""README, CONTRIBUTING and CHANGELOG: what they say is what runs."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run, needs_torch

from headlint.checks.candidate import all_checks
from headlint.lint import Linter, Settings
from headlint.probe.worker.importing import OLDEST_TORCH
from headlint.rulebook import rules

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
COMMANDS = ("check", "inspect", "rule", "heads", "doctor", "lsp")

SAMPLES = re.findall(r"^```console\n\$ (.+)\n((?:.*\n)*?)```$", README, re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
BANNED = ("violation", "issue", "problem", "detector", "visitor")


def between_markers(name: str) -> str:
    return README.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->\n")[0]


# -- rules ------------------------------------------------------------------------------------------------------


def test_the_table_has_the_rules_as_their_pages_tell_them() -> None:
    rows = ["| code | name | what is wrong |", "|---|---|---|"]
    for rule in rules():
        remark = "" if rule.default_on else " (off by default)"
        rows.append(f"| [{rule.code}](rules/{rule.page_name}) | {rule.name} | {rule.summary}{remark} |")
    assert between_markers("rules").strip().splitlines() == rows


def test_pages_checks_and_changelog_have_the_same_rules() -> None:
    codes = [rule.code for rule in rules()]
    assert [code for code, _ in all_checks()] == codes
    assert re.findall(r"^- (HL\d{3} [a-z-]+): ", CHANGELOG, re.MULTILINE) == [f"{r.code} {r.name}" for r in rules()]


# -- commands and their output -----------------------------------------------------------------------------------


def test_there_are_two_commands_to_set_up() -> None:
    commands = [line.strip() for line in README.splitlines() if re.match(r" *(\$ )?python3 -m venv ", line)]
    main_job, tests = commands
    start = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt "
    assert main_job == f"{start}'.[torch]' && .venv/bin/flake8 --select=HL fixtures"
    assert tests == f"{start}'.[torch,test]' && .venv/bin/pytest"


@needs_torch
@pytest.mark.parametrize(("command", "output"), SAMPLES, ids=[command for command, _ in SAMPLES])
def test_a_sample_is_what_is_printed(command: str, output: str, flake8: Run, headlint: Run) -> None:
    program, *arguments = shlex.split(command)
    done = {"flake8": flake8, "headlint": headlint}[program](*arguments, cwd=ROOT)
    assert done.stderr == ""
    assert without_version(done.stdout) == without_version(output)


def without_version(text: str) -> str:
    return re.sub(r"\(torchvision [0-9][^)]*\)", "(torchvision ...)", text)


def test_the_samples_are_of_flake8_and_of_two_commands() -> None:
    assert [command.rpartition(" ")[0] for command, _ in SAMPLES] == [
        "flake8 --select=HL",
        "headlint check",
        "headlint heads",
        "headlint inspect",
        "headlint check --verify fixtures/quiz/resnet50_head.py",
    ]


def options_of(help_text: str) -> set[str]:
    return set(OPTION.findall(help_text)) - {"--help", "--version"}


def test_options_are_those_that_exist(flake8: Run, headlint: Run) -> None:
    of_flake8 = options_of(flake8("--help").stdout)
    own = {option for command in COMMANDS for option in options_of(headlint(command, "--help").stdout)}
    of_plugin = {option for option in of_flake8 if option.startswith("--headlint-")}
    assert set(OPTION.findall(README)) == own | of_plugin
    assert "--select" in own & of_flake8
    assert of_plugin <= set(OPTION.findall(CHANGELOG)) <= own | of_plugin
    assert options_of(headlint("--help").stdout) == set()


def test_commands_are_those_that_exist(headlint: Run) -> None:
    listed = re.findall(r"^    ([a-z]+) ", headlint("--help").stdout, re.MULTILINE)
    assert tuple(listed) == COMMANDS
    for text in (README, CHANGELOG):
        assert set(re.findall(r"`headlint ([a-z]+)", text)) == set(COMMANDS)


def test_the_oldest_versions_are_those_of_the_metadata() -> None:
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (python,) = re.findall(r'requires-python = ">=([\d.]+)"', metadata)
    (flake8_version,) = re.findall(r'"flake8>=(\d+)"', metadata)
    (libcst,) = re.findall(r'"libcst>=([\d.]+)"', metadata)
    assert f"| {python} | with flake8 {flake8_version}.0 and libcst {libcst} or newer;" in README
    torch, torchvision = re.findall(r'"torch(?:vision)?>=([\d.]+)"', metadata)
    assert torch == "{}.{}".format(*OLDEST_TORCH)
    assert f"with torch {torch} and torchvision {torchvision} or newer;" in README


# -- words and names ---------------------------------------------------------------------------------------------


def messages() -> Iterator[str]:
    """Every message and hint on the fixtures and the bad examples."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "fixtures").rglob("*.py"))]
    texts += [block.code for rule in rules() for block in rule.blocks if block.kind == "bad"]
    with Linter(Settings(confirm="off")) as linter:
        for text in texts:
            for finding in linter.lint_unguarded(text, "name.py").findings:
                yield finding.message
                yield finding.hint


def test_messages_are_of_one_style_and_use_the_words_of_the_project() -> None:
    said = sorted(set(filter(None, messages())))
    assert len(said) > 2 * len(rules())
    for message in said:
        assert "\n" not in message
        assert not message.endswith(".")
        assert not message[0].isupper()
        assert not re.search(rf"\b({'|'.join((*BANNED, 'error'))})s?\b", message, re.IGNORECASE), message


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pages", "help"])
def test_prose_uses_the_words_of_the_project(name: str, headlint: Run) -> None:
    if name == "pages":
        prose = "\n".join(rule.text for rule in rules())
    elif name == "help":
        prose = "\n".join(headlint(command, "--help").stdout for command in COMMANDS)
    else:
        prose = (ROOT / name).read_text(encoding="utf-8")
    # The one line that lists these words has to name them.
    lines = [line for line in prose.splitlines() if not line.startswith("Not used: ")]
    used = [line for line in lines if re.search(rf"\b({'|'.join(BANNED)})s?\b", line, re.IGNORECASE)]
    assert used == []


def test_the_words_that_are_not_used_are_listed() -> None:
    (line,) = [line for line in CONTRIBUTING.splitlines() if line.startswith("Not used: ")]
    assert line.startswith(f"Not used: {', '.join(BANNED)};")


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:headlint|rules|fixtures|tests|benchmarks|\.ci)/[^` ]*)`", README + CONTRIBUTING))
    named |= set(re.findall(r"\]\(([^)#:]+)\)", README + CONTRIBUTING))
    examples = {"rules/HL203-some-name.md", "headlint/checks/some_name.py"}
    assert len(named - examples) > 20
    assert [name for name in sorted(named - examples) if not (ROOT / name).exists()] == []
    # Where it is clear which layer is meant, a module goes by the end of its path.
    ends = set(re.findall(r"`((?:\w+/)?\w+\.py)`", CONTRIBUTING)) - examples
    folders = ("tests/*.py", "headlint/**/*.py", "tests/differential/*.py")
    there = [path.as_posix() for folder in folders for path in ROOT.glob(folder)]
    assert [name for name in sorted(ends) if not any(path.endswith(f"/{name}") for path in there)] == []


# -- layers ------------------------------------------------------------------------------------------------------

(LAYERS,) = [line.strip().split(" ← ") for line in CONTRIBUTING.splitlines() if line.startswith("    finding ← ")]
FRONT_ENDS = {"api", "cli", "commands", "flake8_plugin", "lsp", "output", "rewrite", "run", "__main__"}
PIPELINE = {"lint", "proof", "standing", "verdicts", "watching"}
BESIDE = {"__init__", "relevance", "rulebook", "rulepages"}


def layer_of(module: str) -> str:
    """The layer that a dotted name under `headlint` belongs to."""
    part = [*module.split("."), "__init__"][1]
    return "front ends" if part in FRONT_ENDS else "lint" if part in PIPELINE else part


def imports_of(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "headlint"
        for name in ([f"headlint.{alias.name}" for alias in node.names] if node.module == "headlint" else [node.module])
        if name not in (None, "headlint.__version__")
    }


def library_modules() -> Iterator[Path]:
    for path in sorted((ROOT / "headlint").rglob("*.py")):
        # These make the shipped data and are no part of a run.
        if not {"generate.py", "generator"} & set(path.parts):
            yield path


def test_a_layer_imports_only_what_stands_left_of_it() -> None:
    layers = {layer_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in library_modules()}
    assert layers - BESIDE == set(LAYERS)
    for path in library_modules():
        own = layer_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        used = {layer_of(name) for name in imports_of(path)}
        if own == "__init__":
            continue  # it gives the public names away, from wherever they are
        allowed = BESIDE if own in BESIDE else {*LAYERS[: LAYERS.index(own) + 1], *BESIDE}
        assert used <= allowed, f"{path.relative_to(ROOT)} imports from {', '.join(sorted(used - allowed))}"


def test_only_the_worker_imports_torch() -> None:
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in library_modules()
        if re.search(r"^\s*(import|from) torch|import_module\(\"torch", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing
    assert {Path(path).parent.as_posix() for path in importing} == {"headlint/probe/worker"}
