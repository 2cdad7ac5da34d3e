"""The doctor on a headlint that is ill itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from headlint.cli import main
from headlint.probe.client import Prober


def test_a_fault_of_ours_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(self: Prober) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(Prober, "choice", broken)
    assert main(["doctor", "--cache-dir", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == "fault          headlint itself fails here (KeyError: 'oops')"
    assert output.err == ""
