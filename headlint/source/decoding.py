"""Bytes to text as Python does it: byte order mark, coding cookie, UTF-8 otherwise. Line ends stay as they are."""

from __future__ import annotations

import io
import tokenize


class DecodingFailure(Exception):
    """The bytes are no Python text; the message is one line that begins with the place, `3:1: cannot ...`."""


def decode(data: bytes) -> str:
    """The text of a Python file without its byte order mark; raises DecodingFailure."""
    encoding, refusal = "utf-8", None
    try:
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        except SyntaxError as refused:
            # It also refuses a wrong byte in the first two lines, without saying which: decoding tells.
            refusal = refused.msg
        text = data.decode(encoding)
    except UnicodeDecodeError as failure:
        before = data[: failure.start]
        line = before.count(b"\n") + 1
        column = failure.start - (before.rfind(b"\n") + 1) + 1
        byte = data[failure.start : failure.start + 1].hex()
        name = encoding.removesuffix("-sig")
        raise DecodingFailure(f"{line}:{column}: cannot be decoded: byte 0x{byte} is not valid {name}") from None
    except (UnicodeError, LookupError) as failure:
        # A codec that decodes nothing, or no text; since Python 3.15 detect_encoding tries it, too.
        raise DecodingFailure(f"1:1: cannot be decoded: {str(failure).partition(';')[0]}") from None
    if refusal is not None:
        raise DecodingFailure(f"1:1: cannot be decoded: {refusal}")
    return text


def split_lines(text: str) -> list[str]:
    r"""The physical lines as Python counts them (`\n`, `\r\n` and `\r` end a line, form feeds do not), ends as `\n`."""
    return io.StringIO(text, newline=None).readlines()


def encode(text: str, like: bytes) -> bytes:
    """The bytes of a text in the encoding of another file's bytes, with its byte order mark; raises DecodingFailure."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(like).readline)
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError as failure:
        name = encoding.removesuffix("-sig")
        raise DecodingFailure(f"1:1: cannot be written as {name}: {failure.object[failure.start]!r}") from None
    if decode(data) != text:
        raise DecodingFailure("1:1: cannot be written back in its encoding")
    return data
