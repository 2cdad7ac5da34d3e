"""Diagnostics of the language server, over the real protocol with a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conftest import needs_torch
from lsp_helpers import PROGRAM, Editor, capabilities, editing, is_pending, until
from lsprotocol import types

from headlint.lsp.server import server_with
from headlint.rulepages import pages_directory
from headlint.source.configuration import NO_CONFIGURATION

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_torch]

RIGHT = PROGRAM.replace("classifier", "fc")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(clean_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """An editor that several tests share, with settings as they are by default."""
    root = tmp_path_factory.mktemp("work")
    async with editing({**clean_environment, "XDG_CACHE_HOME": str(root / "cache")}, root) as editor:
        yield editor


async def test_a_finding_is_shown_at_once_and_then_with_its_verdict(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    (item,) = await editor.settled(uri)
    first = editor.said(uri)[0][2]
    assert is_pending(first[0])
    assert first[0].severity == types.DiagnosticSeverity.Information
    assert item.severity == types.DiagnosticSeverity.Warning
    assert "[confirmed: forward returns (2, 1000) without calling it" in item.message
    assert (item.code, item.source) == ("HL101", "headlint")
    assert list(item.tags or ()) == [types.DiagnosticTag.Unnecessary]
    assert item.range == types.Range(types.Position(4, 0), types.Position(4, 37))
    assert item.code_description is not None
    assert item.code_description.href == Path(pages_directory(), "HL101-unused-head.md").as_uri()
    assert item.related_information is not None
    assert [(about.location.range.start.line, about.message) for about in item.related_information] == [
        (3, "resnet18 is built here")
    ]
    # The worker took its time to start, and said so.
    kinds = [[getattr(report, "kind", "") for report in reports] for reports in editor.client.progress_reports.values()]
    assert kinds == [["begin", "end"]]


async def test_a_verdict_that_is_known_is_there_at_once(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    before = len(editor.said(uri))
    version = editor.change(uri, "# a comment\n" + PROGRAM)
    (item,) = await editor.until(uri, lambda items: bool(items) and items[0].range.start.line == 5)
    assert [said[1] for said in editor.said(uri)[before:]] == [version]
    assert "[confirmed: " in item.message


async def test_what_is_mended_is_taken_back(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    start, end = types.Position(4, 6), types.Position(4, 16)
    assert PROGRAM.splitlines()[4][start.character : end.character] == "classifier"
    editor.change(uri, types.TextDocumentContentChangePartial(types.Range(start, end), "fc"))
    assert list(await editor.until(uri, lambda items: not items)) == []


async def test_many_changes_are_looked_at_once(editor: Editor) -> None:
    uri = editor.open(RIGHT)
    await editor.until(uri, lambda items: not items)
    before = len(editor.said(uri))
    for number in range(40):
        version = editor.change(uri, f"# {number}\n" * number + PROGRAM)
    await editor.until(uri, lambda items: bool(items) and items[0].range.start.line == 43)
    versions = [said[1] for said in editor.said(uri)[before:]]
    assert versions[-1] == version
    assert len(versions) < 20


async def test_a_silenced_finding_is_not_shown(editor: Editor) -> None:
    uri = editor.open(PROGRAM.rstrip() + "  # noqa: HL101\nmodel.head = nn.Linear(512, 10)\n")
    (item,) = await editor.settled(uri)
    assert item.range.start.line == 5


async def test_a_file_that_is_no_python_or_does_not_concern_us_gets_nothing(editor: Editor) -> None:
    for text in (PROGRAM + "def (\n", "import torchvision.models\n\0", "print(1)\n", ""):
        uri = editor.open(text)
        assert list(await editor.until(uri, lambda items: True)) == []


async def test_a_closed_file_is_forgotten(editor: Editor) -> None:
    uri = editor.open(PROGRAM)
    await editor.settled(uri)
    editor.close(uri)
    await editor.until(uri, lambda items: not items)


@pytest.mark.parametrize(
    "name",
    ["a%20b/train.py", "%D1%84/train.py", "%FF%FE.py", "c%3A/train.py"],
    ids=["space", "letters", "no UTF-8", "drive"],
)
async def test_addresses_may_hold_escaped_characters(editor: Editor, name: str) -> None:
    uri = f"{editor.root.as_uri()}/{name}"
    editor.client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, PROGRAM))
    )
    (item,) = await editor.settled(uri)
    assert item.code == "HL101"


async def test_lines_end_where_python_ends_them(editor: Editor) -> None:
    # Python's splitlines, which pygls goes by, would count four lines more.
    text = "a = '\f\x0b\x1c\u2028'\n" + RIGHT
    uri = editor.open(text)
    await editor.until(uri, lambda items: not items)
    change = types.Range(types.Position(5, 6), types.Position(5, 8))
    editor.change(uri, types.TextDocumentContentChangePartial(change, "head"))
    (item,) = await editor.settled(uri)
    assert item.range.start == types.Position(5, 0)


async def test_cells_of_a_notebook_are_one_program(editor: Editor) -> None:
    uri = (editor.root / "train.ipynb").as_uri()
    texts = {
        "first": ("python", "%matplotlib inline\nfrom torch import nn\nfrom torchvision import models"),
        "prose": ("markdown", "# models"),
        "second": ("python", "!nvidia-smi\nmodel = models.resnet18()"),
        "third": ("python", "print('\U0001f600'); model.classifier = nn.Linear(512, 10)"),
    }
    kinds = {"python": types.NotebookCellKind.Code, "markdown": types.NotebookCellKind.Markup}
    addresses = {name: f"vscode-notebook-cell:{editor.root}/train.ipynb#{name}" for name in texts}
    cells = [types.NotebookCell(kinds[language], addresses[name]) for name, (language, _) in texts.items()]
    items = [types.TextDocumentItem(addresses[name], language, 1, text) for name, (language, text) in texts.items()]
    editor.client.notebook_document_did_open(
        types.DidOpenNotebookDocumentParams(types.NotebookDocument(uri, "jupyter-notebook", 1, cells), items)
    )
    (item,) = await editor.settled(addresses["third"])
    assert item.range.start == types.Position(0, 13)
    assert item.related_information is not None
    assert item.related_information[0].location.uri == addresses["second"]
    change = types.TextDocumentContentChangePartial(types.Range(types.Position(0, 19), types.Position(0, 29)), "fc")
    content = types.NotebookDocumentCellContentChanges(
        types.VersionedTextDocumentIdentifier(2, addresses["third"]), [change]
    )
    editor.client.notebook_document_did_change(
        types.DidChangeNotebookDocumentParams(
            types.VersionedNotebookDocumentIdentifier(2, uri),
            types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[content])),
        )
    )
    await editor.until(addresses["third"], lambda items: not items)


async def test_what_was_said_about_a_cell_goes_with_it(editor: Editor) -> None:
    notebook = (editor.root / "shrinks.ipynb").as_uri()
    first, last = (f"vscode-notebook-cell:{editor.root}/shrinks.ipynb#{number}" for number in range(2))
    texts = {first: PROGRAM[: PROGRAM.index("model.classifier")], last: PROGRAM[PROGRAM.index("model.classifier") :]}
    cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in texts]
    items = [types.TextDocumentItem(uri, "python", 1, text) for uri, text in texts.items()]
    editor.client.notebook_document_did_open(
        types.DidOpenNotebookDocumentParams(types.NotebookDocument(notebook, "jupyter-notebook", 1, cells), items)
    )
    await editor.settled(last)
    gone = types.NotebookDocumentCellChangeStructure(
        types.NotebookCellArrayChange(1, 1, []), did_close=[types.TextDocumentIdentifier(last)]
    )
    editor.client.notebook_document_did_change(
        types.DidChangeNotebookDocumentParams(
            types.VersionedNotebookDocumentIdentifier(2, notebook),
            types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(structure=gone)),
        )
    )
    await editor.until(last, lambda items: not items)


@pytest.mark.parametrize(
    ("encoding", "column"),
    [("utf-8", 15), ("utf-16", 13), ("utf-32", 12)],
)
async def test_columns_are_counted_as_agreed_on(
    clean_environment: dict[str, str], tmp_path: Path, encoding: str, column: int
) -> None:
    able = capabilities()
    able.general = types.GeneralClientCapabilities(position_encodings=[encoding])
    async with editing(clean_environment, tmp_path, able=able, settings={"confirm": "off"}) as editor:
        uri = editor.open(PROGRAM.replace("model.classifier", "print('\U0001f600'); model.classifier"))
        (item,) = await editor.settled(uri)
        assert item.range.start == types.Position(4, column)
        start = types.Position(4, column + 6)
        change = types.Range(start, types.Position(4, column + 16))
        editor.change(uri, types.TextDocumentContentChangePartial(change, "fc"))
        await editor.until(uri, lambda items: not items)


async def test_diagnostics_are_fetched_by_a_client_that_can(clean_environment: dict[str, str], tmp_path: Path) -> None:
    able = capabilities(diagnostic=types.DiagnosticClientCapabilities())
    assert able.workspace is not None
    able.workspace.diagnostics = types.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    arguments = ["--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, able=able, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        asked = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
        (item,) = await fetched(editor, asked)
        assert is_pending(item)
        told = editor.client.diagnostic_refresh_count
        await until(lambda: editor.client.diagnostic_refresh_count > told)
        (item,) = await fetched(editor, asked)
        assert "[confirmed: " in item.message
        assert editor.published == []
        editor.change(uri, RIGHT)
        assert await fetched(editor, asked) == []


async def fetched(editor: Editor, asked: types.DocumentDiagnosticParams) -> list[types.Diagnostic]:
    report = await editor.client.text_document_diagnostic_async(asked)
    assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
    return list(report.items)


@pytest.mark.parametrize("kind", ["generator", "coroutine"])
async def test_nothing_is_kept_of_messages_that_are_dealt_with(kind: str) -> None:
    done: list[object] = []
    protocol = server_with(NO_CONFIGURATION).protocol

    def generator() -> Generator[Any, None, None]:
        yield done.append, ("ran",), None

    async def coroutine() -> None:
        done.append("ran")

    handler: Any = {"generator": generator, "coroutine": coroutine}[kind]
    protocol._execute_handler("a notification", handler, done.append)  # noqa: SLF001
    await until(lambda: len(done) == 2)
    assert not protocol._request_futures  # noqa: SLF001
