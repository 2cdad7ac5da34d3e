"""Decoding, suppressions and discovery, each held against the program whose behaviour it promises."""

from __future__ import annotations

import argparse
import io
import tokenize
from pathlib import Path

import pytest
from flake8.processor import FileProcessor
from flake8.violation import Violation
from hypothesis import given, settings
from hypothesis import strategies as st

from headlint.source.decoding import DecodingFailure, decode, split_lines
from headlint.source.discovery import python_files
from headlint.source.suppressions import Suppressions

# -- decoding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1\r\ny = 2\r", "x = 1\r\ny = 2\r"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        ("#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\nж = 1\n".encode("cp1251"), None),
        (b"x = 1\n\x0cy = 2\n", "x = 1\n\x0cy = 2\n"),
        ("x = '\u2028'\n".encode(), "x = '\u2028'\n"),
    ],
)
def test_decoding_is_pythons(data: bytes, text: str | None) -> None:
    decoded = decode(data)
    assert text is None or decoded == text
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    assert decoded == data.decode(encoding)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x = 1\ny = '\xe9'\n", "2:6: cannot be decoded: byte 0xe9 is not valid utf-8"),
        (b"x = 1\n" * 5 + b"\xff", "6:1: cannot be decoded: byte 0xff is not valid utf-8"),
        (b"# coding: nonsense\n", "1:1: cannot be decoded: unknown encoding: nonsense"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "1:1: cannot be decoded: encoding problem: utf-8"),
        (b"# coding: rot13\n", "1:1: cannot be decoded: 'rot13' is not a text encoding"),
        (b"# coding: ascii\nx = '\xc3\xa9'\n", "2:6: cannot be decoded: byte 0xc3 is not valid ascii"),
        ("x = 1\n".encode("utf-16"), "1:1: cannot be decoded: byte 0xff is not valid utf-8"),
    ],
)
def test_what_cannot_be_decoded_is_said_on_one_line(data: bytes, message: str) -> None:
    with pytest.raises(DecodingFailure) as failure:
        decode(data)
    assert str(failure.value) == message


def test_a_codec_that_decodes_nothing_is_told_in_its_own_words() -> None:
    # They differ between versions of Python.
    with pytest.raises(DecodingFailure, match=r"\A1:1: cannot be decoded: .*undefined.*\Z"):
        decode(b"# coding: undefined\n")


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_decoding_returns_a_text_or_one_line(data: bytes) -> None:
    try:
        expected = data.decode(tokenize.detect_encoding(io.BytesIO(data).readline)[0])
    except (SyntaxError, UnicodeError):
        with pytest.raises(DecodingFailure, match=r"\A[0-9]+:[0-9]+: cannot be decoded: .+\Z"):
            decode(data)
    else:
        assert decode(data) == expected


@given(st.text(alphabet="a\r\n\x0c\x0b\x1c\u2028 ", max_size=20))
def test_lines_are_counted_as_python_counts_them(text: str) -> None:
    lines = split_lines(text)
    reader = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    assert lines == reader.readlines()


# -- suppressions -----------------------------------------------------------------------------------------------

FRAGMENTS = (
    "x = 1\n",
    "x = 1  # noqa\n",
    "x = 1  # noqa: HL101\n",
    "x = 1  # noqa:HL2,E501\n",
    "x = 1  # NoQA : HL201\n",
    "x = 1  # noqa: hl101\n",
    "x = 1  # noqa: E501 HL101\n",
    "call(  # noqa: HL101\n    2,\n)\n",
    "call(\n    2,\n)  # noqa\n",
    "call(\n    '''\n    a''',  # noqa: HL201\n    3,\n)\n",
    "text = '''\n# noqa\nlast'''\n",
    "text = '''\nlast'''  # noqa: HL1\n",
    "x = 1 + \\\n    2  # noqa: HL101\n",
    "f'''{\n1}'''  # noqa\n",
    "if x:\n    y = 2  # noqa: HL101, HL201\n\n",
    "# flake8: noqa: HL101\n",
    "x = 1  # flake8: noqa\n",
    "  # flake8: noqa\n",
    "# flake8:noqa\n",
    "\x0c# noqa\n",
    "call(\n",
    "'''\n",
    "x = 1  # noqa",
)


def flake8_hides(lines: list[str], code: str, line: int) -> bool:
    names = "hang_closing indent_size max_line_length max_doc_length verbose disable_noqa".split()
    processor = FileProcessor("name.py", argparse.Namespace(**dict.fromkeys(names, 0)), lines=list(lines))
    if processor.should_ignore_file():
        return True
    commented = processor.noqa_line_for(line)
    if commented is None:  # flake8 then asks linecache for the physical line, which needs a file
        commented = lines[line - 1]
    return bool(Violation(code, "name.py", line, 1, "", commented).is_inline_ignored(disable_noqa=False))


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)
def test_suppressions_are_flake8s(fragments: list[str], line_end: str) -> None:
    text = "".join(fragments)
    lines = split_lines(text)
    suppressions = Suppressions(text.replace("\n", line_end))
    for code in ("HL101", "HL201"):
        expected = [flake8_hides(lines, code, number) for number in range(1, len(lines) + 1)]
        assert [suppressions.hides(code, number) for number in range(1, len(lines) + 1)] == expected


def test_a_comment_on_the_last_line_of_a_string_counts_for_its_first() -> None:
    suppressions = Suppressions("text = '''\nlast'''  # noqa: HL101\nx = 1\n")
    assert [suppressions.hides("HL101", line) for line in (1, 2, 3)] == [True, True, False]
    assert not suppressions.hides("HL201", 1)


# -- discovery --------------------------------------------------------------------------------------------------


def plant(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def names_found(directory: Path, *paths: str) -> list[str]:
    found = python_files([directory / path for path in paths])
    return [path.relative_to(directory).as_posix() for path in found]


def test_directories_are_walked_without_what_nobody_wrote(tmp_path: Path) -> None:
    plant(tmp_path, "b.py", "a.py", "notes.txt", "pkg/c.py", "pkg/__pycache__/d.py", ".git/e.py", ".hidden/f.py")
    plant(tmp_path, "env/pyvenv.cfg", "env/lib/g.py", "node_modules/h.py", "build/i.py", "pkg/stub.pyi", "venv/j.py")
    assert names_found(tmp_path, "") == ["a.py", "b.py", "pkg/c.py", "venv/j.py"]


def test_what_is_named_is_taken(tmp_path: Path) -> None:
    plant(tmp_path, "script", "build/a.py", ".hidden/b.py")
    assert names_found(tmp_path, "script", "build", ".hidden/b.py") == ["script", "build/a.py", ".hidden/b.py"]


def test_each_file_comes_once(tmp_path: Path) -> None:
    plant(tmp_path, "pkg/a.py", "pkg/b.py")
    assert names_found(tmp_path, "pkg/b.py", "pkg", "pkg/a.py") == ["pkg/b.py", "pkg/a.py"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    plant(tmp_path, "pkg/a.py")
    (tmp_path / "pkg" / "again").symlink_to(tmp_path / "pkg", target_is_directory=True)
    assert names_found(tmp_path, "pkg") == ["pkg/a.py"]


def test_a_missing_path_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file or directory: .*nowhere"):
        list(python_files([tmp_path / "nowhere"]))
