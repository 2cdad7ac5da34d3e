"""What the language server offers beside diagnostics: code actions, hover, completion and hints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import needs_torch
from lsp_helpers import PATIENCE, PROGRAM, Editor, capabilities, editing, until
from lsprotocol import types

from headlint.rulepages import pages_directory

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_torch]

VGG = """\
from torch import nn
from torchvision import models

n_classes = 7
model = models.vgg16(weights="DEFAULT")
for p in model.parameters():
    p.requires_grad = False
model.classifier[6] = nn.Linear(model.classifier[6].in_features, n_classes)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(clean_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """An editor that several tests share, with inlay hints."""
    root = tmp_path_factory.mktemp("work")
    able = capabilities()
    assert able.workspace is not None
    able.workspace.workspace_edit = types.WorkspaceEditClientCapabilities(document_changes=True)
    settings = {"inlay-hints": True}
    async with editing(clean_environment, root, able=able, settings=settings) as editor:
        yield editor


def place_of(text: str, wanted: str, part: str = "") -> types.Position:
    """Where `wanted` stands in a text, or the end of `part` in it."""
    offset = text.index(wanted) + (wanted.index(part) + len(part) if part else 0)
    before = text[:offset].split("\n")
    return types.Position(len(before) - 1, len(before[-1]))


# -- code actions ------------------------------------------------------------------------------------------------


async def offered_at(
    editor: Editor, uri: str, line: int, only: Sequence[str] | None = None
) -> Sequence[types.Command | types.CodeAction]:
    at = types.Position(line, 0)
    context = types.CodeActionContext([], [types.CodeActionKind(kind) for kind in only] if only else None)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), types.Range(at, at), context)
    found = await editor.client.text_document_code_action_async(params)
    assert found is not None
    return found


async def actions_at(editor: Editor, uri: str, line: int, only: Sequence[str] | None = None) -> list[types.CodeAction]:
    found = await offered_at(editor, uri, line, only)
    return [action for action in found if isinstance(action, types.CodeAction)]


def applied(text: str, action: types.CodeAction, version: int = 1) -> str:
    """A text of ASCII with the action's edit done, which must be for this version of it."""
    assert action.edit is not None
    assert action.edit.document_changes is not None
    (change,) = action.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == version
    lines = text.split("\n")

    def offset(place: types.Position) -> int:
        return sum(len(line) + 1 for line in lines[: place.line]) + place.character

    for edit in sorted(change.edits, key=lambda edit: offset(edit.range.start), reverse=True):
        assert isinstance(edit, types.TextEdit)
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


async def test_the_proven_fix_mends_the_file(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    (fix,) = [action for action in await actions_at(editor, uri, 4) if action.edit and action.is_preferred]
    assert fix.kind == types.CodeActionKind.QuickFix
    assert fix.diagnostics is not None
    assert fix.diagnostics[0].code == "HL101"
    mended = applied(PROGRAM, fix)
    assert mended == PROGRAM.replace("classifier", "fc")
    editor.change(uri, mended)
    await editor.until(uri, lambda items: not items)


async def test_all_fixes_of_a_file_are_one_action_where_they_are_asked_for(editor: Editor) -> None:
    text = (PROGRAM + "\nother = models.resnet34()\nother.head = nn.Linear(512, 3)\n").replace("\n", "\r\n")
    uri = editor.open(text)
    await editor.settled(uri)
    (fix,) = await actions_at(editor, uri, 0, ["source.fixAll"])
    assert fix.kind == "source.fixAll.headlint"
    assert fix.edit is not None
    assert applied(text, fix) == text.replace("classifier", "fc").replace("other.head", "other.fc")


async def test_a_finding_is_silenced_where_it_stands_beside_what_is_silenced_already(editor: Editor) -> None:
    for comment, expected in (("", "  # noqa: HL101"), ("  # noqa: E501", "  # noqa: E501,HL101")):
        text = PROGRAM.rstrip() + comment + "\n"
        uri = editor.open(text)
        await editor.settled(uri)
        (action,) = [action for action in await actions_at(editor, uri, 4) if "Silence" in action.title]
        silenced = applied(text, action)
        assert silenced == PROGRAM.rstrip() + expected + "\n"
        editor.change(uri, silenced)
        await editor.until(uri, lambda items: not items)


async def test_the_rule_is_shown_by_its_page(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    (command,) = [action for action in await offered_at(editor, uri, 4) if isinstance(action, types.Command)]
    params = types.ExecuteCommandParams(command.command, arguments=command.arguments)
    await editor.client.workspace_execute_command_async(params)
    await until(lambda: bool(editor.client.shown_documents))
    assert editor.client.shown_documents[-1].uri == Path(pages_directory(), "HL101-unused-head.md").as_uri()


async def test_nothing_is_offered_where_nothing_is_wrong(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    assert not await offered_at(editor, uri, 2, ["quickfix"])
    assert not await offered_at(editor, uri, 4, ["refactor"])


# -- hover -------------------------------------------------------------------------------------------------------


async def hovered(editor: Editor, text: str, place: types.Position) -> tuple[str, str] | None:
    """What is shown at a place once the worker has had its say, and the stretch of text that it is shown of."""
    uri = editor.open(text)
    params = types.HoverParams(types.TextDocumentIdentifier(uri), place)
    for _ in range(int(PATIENCE / 0.05)):
        found = await editor.client.text_document_hover_async(params)
        if found is None or "a replay is under way" not in str(found.contents):
            break
        await asyncio.sleep(0.05)
    if found is None:
        return None
    assert isinstance(found.contents, types.MarkupContent)
    assert found.range is not None
    line = text.split("\n")[found.range.start.line]
    return found.contents.value, line[found.range.start.character : found.range.end.character]


async def test_hover_tells_what_a_model_is_behind_the_statement(editor: Editor) -> None:
    found = await hovered(editor, VGG, place_of(VGG, "model.classifier[6] ="))
    assert found is not None
    shown, of = found
    assert of == "model"
    for said in (
        "vgg16 (torchvision.models.vgg16)",
        "head: `classifier[6]`, Linear, 4096 in, 7 out",
        "134,289,223 parameters, 28,679 trainable",
        "frozen: `features`",
        "output: (2, 7)",
        "(2, 4096) arrives at `classifier[6]`",
        "gradients reach 2 of its 32 parameter tensors",
        f"seen in a replay in eval mode, on (2, 3, 224, 224), with torch {version('torch').partition('+')[0]}",
    ):
        assert said in shown


async def test_hover_tells_what_was_seen_of_the_model_as_it_stands_at_that_line(editor: Editor) -> None:
    text = PROGRAM.replace("classifier", "fc") + "model.fc = nn.Linear(100, 3)\n"
    right = await hovered(editor, text, place_of(text, "fc = nn.Linear(512"))
    assert right is not None
    assert "(2, 512) arrives at `fc`" in right[0]
    assert "output: (2, 10)" in right[0]
    wrong = await hovered(editor, text, place_of(text, "fc = nn.Linear(100"))
    assert wrong is not None
    assert "forward raises in `fc`: RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x512" in wrong[0]
    assert "output" not in wrong[0]
    text = VGG.replace("n_classes = 7", "import sys\n\nn_classes = len(sys.argv)")
    named = await hovered(editor, text, place_of(text, "classifier[6] ="))
    assert named is not None
    assert "output: (2, n_classes)" in named[0] or "output: (2, len(sys.argv))" in named[0]


async def test_hover_on_a_place_tells_of_that_place(editor: Editor) -> None:
    found = await hovered(editor, VGG, place_of(VGG, "classifier[6].in_features"))
    assert found is not None
    assert found[1] == "model.classifier"
    assert found[0].startswith("`classifier` of vgg16: Sequential, 25088 in, 7 out")


async def test_hover_on_a_builder_tells_how_to_replace_its_head(editor: Editor) -> None:
    found = await hovered(editor, VGG, place_of(VGG, "vgg16"))
    assert found is not None
    assert found[1] == "models.vgg16"
    assert "model.classifier[6] = nn.Linear(model.classifier[6].in_features, num_classes)" in found[0]


async def test_hover_tells_what_the_worker_saw(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(4, 2))
    found = await editor.client.text_document_hover_async(params)
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    assert "the last probe saw (HL101): forward returns (2, 1000) without calling it" in found.contents.value


async def test_hover_on_a_code_tells_its_rule(editor: Editor) -> None:
    text = PROGRAM.rstrip() + "  # noqa: E501, HL101\n"
    found = await hovered(editor, text, place_of(text, "HL101"))
    assert found is not None
    assert found[1] == "HL101"
    assert found[0].startswith("**HL101 unused-head**: a layer is assigned to a name")
    assert await hovered(editor, text, place_of(text, "E501")) is None


async def test_hover_is_silent_on_what_is_no_model(editor: Editor) -> None:
    for word in ("nn", "import", "requires_grad", "n_classes"):
        assert await hovered(editor, VGG, place_of(VGG, word)) is None


async def test_hover_is_silent_where_no_statement_stands(editor: Editor) -> None:
    text = "# a licence\n\n" + VGG
    for line in (0, 1, 999):
        assert await hovered(editor, text, types.Position(line, 2)) is None


# -- completion and hints ------------------------------------------------------------------------------------------


async def completed(editor: Editor, text: str, begun: str, behind: str = "") -> list[str]:
    """What is offered behind `begun` on lines of its own, and before `behind`, in the order of the client."""
    uri = editor.open(text)
    written = f"{text}{begun}"
    editor.change(uri, f"{written}{behind}\nprint(model)\n")
    return await offered(editor, uri, types.Position(written.count("\n"), len(written.rpartition("\n")[2])))


async def offered(editor: Editor, uri: str, place: types.Position) -> list[str]:
    """What is offered at a place, in the order of the client."""
    found = await editor.client.text_document_completion_async(
        types.CompletionParams(types.TextDocumentIdentifier(uri), place)
    )
    if found is None:
        return []
    assert isinstance(found, types.CompletionList)
    return [item.label for item in sorted(found.items, key=lambda item: item.sort_text or "")]


PLACES = ["classifier", "features", "avgpool"]


async def test_places_are_offered_with_the_head_first(editor: Editor) -> None:
    assert await completed(editor, VGG, "model.") == PLACES
    assert await completed(editor, VGG, "model.classifier[") == ["6", "0", "1", "2", "3", "4", "5"]
    assert await completed(editor, VGG, "print(model.cl") == PLACES
    assert await completed(editor, VGG, "nn.") == []


WIDTHS = ["model.classifier[6].in_features", "4096"]


@pytest.mark.parametrize("made", ["nn.Linear(", "nn.Sequential(nn.Linear(", "nn.Linear(in_features="])
async def test_the_width_that_arrives_is_offered(editor: Editor, made: str) -> None:
    assert await completed(editor, VGG, f"model.classifier[6] = {made}") == WIDTHS


@pytest.mark.parametrize("behind", ["", "\n)", ", 2)\n)", ")  # closed by the editor\n)"])
async def test_statements_may_go_over_several_lines(editor: Editor, behind: str) -> None:
    begun = "model.classifier[6] = nn.Sequential(\n    nn.Linear("
    assert await completed(editor, VGG, begun, behind) == WIDTHS
    assert await completed(editor, VGG, "print(dict(\n    a='a (bracket',\n    b=model.", behind) == PLACES
    in_function = "def shown():\n    return dict(key=dict(\n        place=model.cl"
    assert await completed(editor, VGG, in_function, behind) == PLACES


async def test_a_cell_that_is_being_written_belongs_to_its_notebook(editor: Editor) -> None:
    texts = ["%matplotlib inline\n" + VGG, "%pip list\nmodel.classifier[6] = nn.Linear(\n    ", "model = None\n"]
    names = [f"vscode-notebook-cell:{editor.root}/train.ipynb#{number}" for number in range(3)]
    cells = [types.NotebookCell(types.NotebookCellKind.Code, name) for name in names]
    items = [types.TextDocumentItem(name, "python", 1, text) for name, text in zip(names, texts, strict=True)]
    notebook = types.NotebookDocument(f"file://{editor.root}/train.ipynb", "jupyter-notebook", 1, cells)
    editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, items))
    assert await offered(editor, names[1], types.Position(2, 4)) == WIDTHS
    assert await offered(editor, names[1], types.Position(1, 6)) == PLACES


async def test_a_width_that_is_wrong_there_already_is_not_offered(editor: Editor) -> None:
    text = VGG + "model.classifier[6] = nn.Linear(512, 2)\n"
    assert await completed(editor, text, "model.classifier[6] = nn.Linear(") == ["4096"]


async def test_hints_show_what_arrives_at_a_new_layer(editor: Editor) -> None:
    uri = editor.open(VGG)
    everything = types.Range(types.Position(0, 0), types.Position(99, 0))
    await editor.until(uri, lambda items: True)
    params = types.InlayHintParams(types.TextDocumentIdentifier(uri), everything)
    found = await editor.client.text_document_inlay_hint_async(params)
    assert found is not None
    (hint,) = found
    assert hint.label == "4096 arrive:"
    assert hint.position == place_of(VGG, "model.classifier[6].in_features")
