"""Programs that are typed, with slips, questions in between and things undone: the server comes to what is there."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lsp_helpers import Editor, capabilities, editing
from lsprotocol import types

from headlint.lsp.positions import to_client

pytestmark = [pytest.mark.asyncio]

FIXTURES = Path(__file__).parent.parent / "fixtures"
NAMES = ("quiz/freeze_fc_then_replace.py", "flowers_resnet50.py", "finetune_zoo.py")
SLIPS = ("(", ")", '"', "'''", "\U0001f600", "\t", "\r\n", "if x:\n", "model.", "nn.Linear(", "def f(", "\\\n", "\x0c")


class Typist:
    """Types one file, and keeps its text as the editor has it."""

    def __init__(self, editor: Editor, encoding: str, order: random.Random) -> None:
        self.editor = editor
        self.encoding = encoding
        self.order = order
        self.text = ""
        self.uri = editor.open("")

    def place(self, offset: int) -> types.Position:
        before = self.text[:offset].split("\n")
        return types.Position(len(before) - 1, to_client(before[-1], len(before[-1]), self.encoding))

    def edit(self, *edits: tuple[int, int, str]) -> None:
        """Replace stretches of the text, one after the other, in one message."""
        changes = []
        for start, end, new in edits:
            stretch = types.Range(self.place(start), self.place(end))
            changes.append(types.TextDocumentContentChangePartial(stretch, new))
            self.text = self.text[:start] + new + self.text[end:]
        self.editor.change(self.uri, *changes)

    def slip(self) -> list[tuple[int, int, str]]:
        """Two edits at random, the second one of the text behind the first."""
        text, edits = self.text, []
        for _ in range(2):
            start = self.order.randrange(len(text) + 1)
            end = min(len(text), start + self.order.choice((0, 0, 1, 30)))
            new = self.order.choice(SLIPS)
            edits.append((start, end, new))
            text = text[:start] + new + text[end:]
        return edits

    def ask(self) -> Awaitable[Any]:
        """A question at a place at random."""
        client, known = self.editor.client, types.TextDocumentIdentifier(self.uri)
        at = self.place(self.order.choice((len(self.text), self.order.randrange(len(self.text) + 1))))
        everything = types.Range(types.Position(0, 0), types.Position(9_999, 0))
        context = types.CodeActionContext([])
        return self.order.choice(
            (
                lambda: client.text_document_hover_async(types.HoverParams(known, at)),
                lambda: client.text_document_completion_async(types.CompletionParams(known, at)),
                lambda: client.text_document_inlay_hint_async(types.InlayHintParams(known, everything)),
                lambda: client.text_document_code_action_async(
                    types.CodeActionParams(known, types.Range(at, at), context)
                ),
            )
        )()


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", NAMES[0]), ("utf-16", NAMES[1]), ("utf-32", NAMES[2])])
async def test_the_server_comes_to_what_was_typed(
    clean_environment: dict[str, str], tmp_path: Path, encoding: str, name: str
) -> None:
    able, order = capabilities(), random.Random(name)
    able.general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(encoding)])
    settings = {"confirm": "off", "inlay-hints": True}
    program = "# \U0001f600\n" + (FIXTURES / name).read_text(encoding="utf-8")
    program = re.sub(r"(?m)^( *)(\w+ = models)", "\\1note = '\U0001f600'; \\2", program)
    async with editing(clean_environment, tmp_path, able=able, settings=settings) as editor:
        typist = Typist(editor, encoding, order)
        asked: list[Awaitable[Any]] = []
        while typist.text != program:
            here = len(typist.text)
            typist.edit((here, here, program[here : here + order.choice((1, 1, 2, 5, 40))]))
            if order.random() < 0.2:
                asked.append(typist.ask())
            if order.random() < 0.05:
                right = typist.text
                typist.edit(*typist.slip())
                asked.append(typist.ask())
                typist.text = right
                editor.change(typist.uri, right)
            await asyncio.sleep(0)
        await asyncio.gather(*asked)
        other = editor.open(program)
        fresh = told(await editor.until(other, bool))
        await editor.until(typist.uri, lambda items: told(items) == fresh)


def told(items: Sequence[types.Diagnostic]) -> list[tuple[types.Range, str]]:
    return [(item.range, item.message) for item in items]
