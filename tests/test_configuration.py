"""`[tool.headlint]`: what is read, what is refused, which file speaks for which, and what never chooses a Python."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headlint.rulebook import default_codes, rules
from headlint.run.plan import Plan
from headlint.source.configuration import (
    KEYS,
    NO_CONFIGURATION,
    Configuration,
    ConfigurationFault,
    Configurations,
    read_configuration,
)
from headlint.source.discovery import Scope, python_files
from headlint.source.patterns import Patterns
from headlint.source.selection import Selection, UnknownCode, split_codes


def write(directory: Path, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "pyproject.toml"
    file.write_text(text)
    return file


EVERYTHING = """
[tool.other]
select = 3
[tool.headlint]
select = ["HL1", "hl201"]
extend-select = ["HL310"]
ignore = ["HL104"]
exclude = ["old/", "*_pb2.py"]
respect-gitignore = false
force-exclude = true
confirm = "require"
python = ".venv/bin/python"
timeout = 5
cache-dir = "kept"
output-format = "json"
jobs = 2
[tool.headlint.per-file-ignores]
"tests/*" = ["HL101"]
"""


def test_every_key_is_read(tmp_path: Path) -> None:
    read = read_configuration(write(tmp_path, EVERYTHING))
    assert read is not None
    assert {key for key in KEYS if getattr(read, key.replace("-", "_")) in (None, ())} == set()
    assert (read.select, read.extend_select, read.ignore) == (("HL1", "HL201"), ("HL310",), ("HL104",))
    assert (read.python, read.cache_dir) == (str(tmp_path / ".venv/bin/python"), str(tmp_path / "kept"))
    assert (read.confirm, read.timeout, read.jobs, read.output_format) == ("require", 5.0, 2, "json")
    assert (read.respect_gitignore, read.force_exclude) == (False, True)
    assert read.ignored_for(tmp_path / "tests/deep/test_a.py") == ("HL101",)
    assert read.ignored_for(tmp_path / "a.py") == ()


@pytest.mark.parametrize("text", ["", "[tool]\n", "[tool.ruff]\nselect = []\n", "[broken", "[project]\nname='x'\n"])
def test_files_that_say_nothing_of_headlint_say_nothing(tmp_path: Path, text: str) -> None:
    assert read_configuration(write(tmp_path, text)) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("selct = ['HL1']", "[tool.headlint] has no key 'selct'; the nearest: 'select'"),
        ("per_file_ignores = 1", "[tool.headlint] has no key 'per_file_ignores'; the nearest: 'per-file-ignores'"),
        ("select = ['HL9']", "[tool.headlint] select: no rule begins with 'HL9'; the nearest: 'HL"),
        ("ignore = ['HL120']", "[tool.headlint] ignore: no rule begins with 'HL120'; the nearest: 'HL"),
        ("select = 'HL1'", "[tool.headlint] select: must be a list of strings"),
        ("per-file-ignores = ['HL1']", "[tool.headlint] per-file-ignores: must be a table from pattern to codes"),
        ("per-file-ignores = {'a' = ['XX']}", "[tool.headlint] per-file-ignores: no rule begins with 'XX'"),
        ("exclude = ['!']", "[tool.headlint] exclude: '!' is not a pattern as .gitignore has them"),
        ("confirm = 'no'", "[tool.headlint] confirm: must be 'auto', 'require' or 'off'"),
        ("timeout = 0", "[tool.headlint] timeout: must be a number of seconds"),
        ("timeout = nan", "[tool.headlint] timeout: must be a number of seconds"),
        ("timeout = true", "[tool.headlint] timeout: must be a number of seconds"),
        ("jobs = 0", "[tool.headlint] jobs: must be a whole number from 1 on"),
        ("python = ''", "[tool.headlint] python: must be a string"),
        ("force-exclude = 1", "[tool.headlint] force-exclude: must be true or false"),
        ("select = [", "cannot be read: "),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = write(tmp_path, f"[tool.headlint]\n{text}\n")
    with pytest.raises(ConfigurationFault) as fault:
        read_configuration(file)
    message = str(fault.value)
    assert message.endswith(complaint) or f": {complaint}" in message
    assert "\n" not in message
    assert "pyproject.toml: " in message


def test_a_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match=r"pyproject.toml: \[tool.headlint\] is not a table"):
        read_configuration(write(tmp_path, "[tool]\nheadlint = 3\n"))


@given(st.dictionaries(st.sampled_from([*KEYS, "selct"]), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_any_table_is_read_or_refused_in_one_line(table: dict[str, object]) -> None:
    import json
    import tempfile

    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items() if value is not None)
    with tempfile.TemporaryDirectory() as directory:
        file = write(Path(directory), f"[tool.headlint]\n{lines}")
        try:
            complaint = "" if read_configuration(file) else "nothing was read"
        except ConfigurationFault as fault:
            complaint = str(fault).partition(": [tool.headlint] ")[2]
    assert complaint != "nothing was read"
    assert len(complaint.splitlines()) <= 1


# -- selection -----------------------------------------------------------------------------------------------------


def codes(*beginnings: str) -> frozenset[str]:
    return frozenset(rule.code for rule in rules() if rule.default_on and rule.code.startswith(beginnings))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), default_codes()),
        (Selection(select=("HL1",)), codes("HL1")),
        (Selection(select=()), frozenset()),
        (Selection(ignore=("HL1",)), default_codes() - codes("HL1")),
        (Selection(select=("HL101",), ignore=("HL1",)), codes("HL101")),
        (Selection(select=("HL1",), ignore=("HL101",)), codes("HL1") - codes("HL101")),
        (Selection(select=("HL101",), ignore=("HL101",)), frozenset()),
        (Selection(select=("HL",)), default_codes()),
        (Selection(extend_select=("HL310",)), default_codes() | {"HL310"}),
        (Selection(extend_select=("HL31",)), default_codes()),
        (Selection(select=("HL310", "HL2")), codes("HL2") | {"HL310"}),
    ],
)
def test_what_is_selected(selection: Selection, expected: frozenset[str]) -> None:
    assert selection.codes() == expected


def test_the_command_line_stands_above_the_file() -> None:
    file = Selection(select=("HL1", "HL2"), ignore=("HL101",))
    assert file.overridden(Selection(select=("HL101",))).codes() == {"HL101"}
    assert file.overridden(Selection(ignore=("HL2",))).codes() == codes("HL1") - {"HL101"}
    assert file.overridden(Selection(extend_select=("HL310",))).codes() == file.codes() | {"HL310"}
    assert file.overridden(Selection()) == file


def test_codes_are_taken_apart_and_checked() -> None:
    assert split_codes("hl1, HL201 HL1,") == ("HL1", "HL201")
    with pytest.raises(UnknownCode, match="no rule begins with 'E501'; the nearest: 'HL"):
        split_codes("E501")


# -- which file speaks ---------------------------------------------------------------------------------------------


def test_the_nearest_file_with_a_table_speaks(tmp_path: Path) -> None:
    write(tmp_path, "[tool.headlint]\nselect = ['HL1']\n")
    write(tmp_path / "inner", "[tool.ruff]\n")
    write(tmp_path / "inner/deep", "[tool.headlint]\nselect = ['HL2']\n")
    known = Configurations()
    assert known.nearest(tmp_path / "inner/other").select == ("HL1",)
    assert known.nearest(tmp_path / "inner/deep/er").select == ("HL2",)
    assert known.nearest("/").file is None


def test_each_file_has_its_codes(tmp_path: Path) -> None:
    write(tmp_path, "[tool.headlint]\nselect = ['HL1']\nper-file-ignores = {'tests/' = ['HL10'], 'b.py' = ['HL1']}\n")
    write(tmp_path / "deep", "[tool.headlint]\nextend-select = ['HL310']\n")
    plan = Plan(directory=tmp_path)
    assert plan.codes_for(tmp_path / "a.py") == codes("HL1")
    assert plan.codes_for(tmp_path / "tests/x/a.py") == codes("HL1") - codes("HL10")
    assert plan.codes_for(tmp_path / "x/b.py") == frozenset()
    assert plan.codes_for(tmp_path / "deep/a.py") == default_codes() | {"HL310"}
    over = Plan(Configuration(select=("HL2",)), directory=tmp_path)
    assert over.codes_for(tmp_path / "a.py") == over.codes_for(tmp_path / "deep/a.py") == codes("HL2")
    named = Plan(directory=tmp_path, file=str(tmp_path / "deep" / "pyproject.toml"))
    assert named.codes_for(tmp_path / "a.py") == default_codes() | {"HL310"}
    assert Plan(directory=tmp_path, isolated=True).codes_for(tmp_path / "a.py") == default_codes()


def test_a_python_is_chosen_from_above_and_never_from_below(tmp_path: Path) -> None:
    write(tmp_path / "project", "[tool.headlint]\npython = 'env/python'\nconfirm = 'require'\n")
    chosen = str(tmp_path / "project/env/python")
    (tmp_path / "project/src").mkdir()
    for inside in ("project", "project/src"):
        plan = Plan(directory=tmp_path / inside)
        assert (plan.settings.python, plan.settings.confirm, plan.notes) == (chosen, "require", [])
    outside = Plan(directory=tmp_path)
    outside.codes_for(tmp_path / "project/a.py")
    outside.codes_for(tmp_path / "project/b.py")
    assert (outside.settings.python, outside.settings.confirm) == (None, "auto")
    (note,) = outside.notes
    assert re.search(r"project/pyproject.toml: 'python' is passed over: it counts where headlint runs", note)
    assert Plan(Configuration(python="py"), directory=tmp_path / "project").settings.python == "py"
    assert Plan(directory=tmp_path / "project", isolated=True).settings.python is None
    assert Plan(directory=tmp_path, file=str(tmp_path / "project/pyproject.toml")).settings.python == chosen


def test_a_file_of_another_user_chooses_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "[tool.headlint]\npython = 'env/python'\n")
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    plan = Plan(directory=tmp_path)
    assert plan.settings.python is None
    assert plan.notes == [f"{file}: 'python' is passed over, as the file belongs to another user; use --python"]


def test_a_bare_name_is_never_a_file_beside_the_configuration(tmp_path: Path) -> None:
    read = read_configuration(write(tmp_path, "[tool.headlint]\npython = 'python3.12'\n"))
    assert read is not None
    assert read.python == "python3.12"


# -- which files ---------------------------------------------------------------------------------------------------


def plant(directory: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(directory: Path, *paths: str, scope: Scope | None = None) -> list[str]:
    files = python_files([directory / path for path in paths or ("",)], scope)
    return [path.relative_to(directory).as_posix() for path in files]


GITIGNORED = ("a.py", "gen/b.py", "pkg/gen/c.py", "pkg/keep.py", "pkg/d_tmp.py", "pkg/sub/e.py", "pkg/sub/x/f.py")


def test_what_git_ignores_is_left_out_as_git_does(tmp_path: Path) -> None:
    plant(tmp_path, *GITIGNORED)
    plant(tmp_path, ".gitignore", text="/gen\n*_tmp.py\n")
    plant(tmp_path, "pkg/.gitignore", text="!d_tmp.py\nsub/*\n!sub/e.py\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard", "--", "*.py"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(found(tmp_path)) == sorted(listed)
    assert "pkg/sub/x/f.py" not in listed
    # From below too, and a directory that is ignored as a whole can be named.
    assert found(tmp_path, "pkg/gen") == ["pkg/gen/c.py"]
    assert found(tmp_path, "gen") == ["gen/b.py"]
    assert set(found(tmp_path, scope=Scope(respect_gitignore=False))) == set(GITIGNORED)


def test_patterns_of_git_above_the_directory_count(tmp_path: Path) -> None:
    plant(tmp_path, "pkg/a.py", "pkg/b.py", "pkg/sub/a.py")
    plant(tmp_path, ".gitignore", text="a.py\n[\n")
    assert found(tmp_path, "pkg") == ["pkg/a.py", "pkg/b.py", "pkg/sub/a.py"]
    (tmp_path / ".git").mkdir()
    assert found(tmp_path, "pkg") == ["pkg/b.py"]


def test_excluded_files_are_left_out_unless_they_are_named(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "old/b.py", "pkg/old/c.py", "pkg/d.py", "build/e.py")
    patterns = Patterns(str(tmp_path), ("old/", "/pkg/d.py"))
    scope = Scope(exclude_in=lambda _: patterns)
    assert found(tmp_path, scope=scope) == ["a.py"]
    assert found(tmp_path, "old/b.py", "pkg/d.py", scope=scope) == ["old/b.py", "pkg/d.py"]
    forced = Scope(exclude_in=lambda _: patterns, force_exclude=True)
    assert found(tmp_path, "old/b.py", "pkg/d.py", "a.py", "pkg/old", scope=forced) == ["a.py"]


def test_the_directories_that_are_always_left_out_can_be_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "build/e.py", "a.py")
    monkeypatch.chdir(tmp_path)
    assert [str(path) for path in python_files(["build/e.py", "a.py"], Scope(force_exclude=True))] == ["a.py"]


def test_deeper_configurations_exclude_in_their_directories(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "pkg/a.py", "pkg/b.py")
    write(tmp_path, "[tool.headlint]\nexclude = ['b.py']\n")
    write(tmp_path / "pkg", "[tool.headlint]\nexclude = ['/a.py']\n")
    assert found(tmp_path, scope=Plan(directory=tmp_path).scope) == ["a.py", "pkg/b.py"]


def test_nothing_is_configured_by_nothing() -> None:
    assert NO_CONFIGURATION.overridden(NO_CONFIGURATION) == NO_CONFIGURATION
