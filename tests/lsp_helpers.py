"""An editor for the tests of the language server: it starts the real one and speaks the real protocol with it."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

# Long enough for a cold import of torch on a busy machine.
PATIENCE = 60.0

PROGRAM = """\
from torch import nn
from torchvision import models

model = models.resnet18()
model.classifier = nn.Linear(512, 10)
"""

Sent = tuple[str, "int | None", Sequence[types.Diagnostic]]


class Editor:
    """One client with its server; `published` are the diagnostics that came, in order."""

    def __init__(self, client: LanguageClient, root: Path) -> None:
        self.client = client
        self.root = root
        self.published: list[Sent] = []
        self._numbers = itertools.count(1)
        self._versions: dict[str, int] = {}

        def publish(params: types.PublishDiagnosticsParams) -> None:
            self.published.append((params.uri, params.version, params.diagnostics))

        client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(publish)

    def open(self, text: str, path: Path | None = None) -> str:
        """Open a file with this text, a new one unless its path is given; its address."""
        uri = (path or self.root / f"train{next(self._numbers)}.py").as_uri()
        self._versions[uri] = 1
        item = types.TextDocumentItem(uri, "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, *changes: types.TextDocumentContentChangeEvent | str) -> int:
        """Change a file, whole or in part; its new version."""
        version = self._versions[uri] = self._versions[uri] + 1
        events = [types.TextDocumentContentChangeWholeDocument(c) if isinstance(c, str) else c for c in changes]
        known = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(known, events))
        return version

    def close(self, uri: str) -> None:
        """Close a file."""
        known = types.TextDocumentIdentifier(uri)
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(known))

    def change_folders(self, *, added: Sequence[Path] = (), removed: Sequence[Path] = ()) -> None:
        """Put folders into the workspace, or take them out."""
        event = types.WorkspaceFoldersChangeEvent(folders_of(added), folders_of(removed))
        self.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

    def said(self, uri: str) -> list[Sent]:
        """What was published about a text so far."""
        return [sent for sent in self.published if sent[0] == uri]

    async def until(self, uri: str, holds: Callable[[Sequence[types.Diagnostic]], bool]) -> Sequence[types.Diagnostic]:
        """The diagnostics of a text, once they are such."""
        try:
            await until(lambda: bool(self.said(uri)) and holds(self.said(uri)[-1][2]))
        except TimeoutError:
            raise AssertionError(f"it was only said: {self.said(uri)}") from None
        return self.said(uri)[-1][2]

    async def settled(self, uri: str) -> Sequence[types.Diagnostic]:
        """The diagnostics of a text with all verdicts; there must be some."""
        return await self.until(uri, lambda items: bool(items) and not any(map(is_pending, items)))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; raises TimeoutError."""
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def is_pending(item: types.Diagnostic) -> bool:
    return item.message.endswith("[not yet confirmed]")


def capabilities(**text_document: Any) -> types.ClientCapabilities:
    """What most editors can do."""
    return types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(configuration=True),
        text_document=types.TextDocumentClientCapabilities(**text_document),
        notebook_document=types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities()),
        window=types.WindowClientCapabilities(
            work_done_progress=True, show_document=types.ShowDocumentClientCapabilities(True)
        ),
    )


def folders_of(paths: Sequence[Path]) -> list[types.WorkspaceFolder]:
    return [types.WorkspaceFolder(path.as_uri(), path.name) for path in paths]


@asynccontextmanager
async def editing(
    environment: Mapping[str, str],
    root: Path,
    *,
    able: types.ClientCapabilities | None = None,
    initial: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
    folders: Sequence[Path] = (),
) -> AsyncIterator[Editor]:
    """An editor with a server of its own, which has said hello; the workspace is `root` unless it has `folders`.

    In the end the server must not have logged anything.
    """
    client = make_test_lsp_client()
    del client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS]
    client.set_configuration(dict(settings or {}), section="headlint")
    editor = Editor(client, root)
    await client.start_io(sys.executable, "-m", "headlint", "lsp", *arguments, env=dict(environment))
    await client.initialize_session(
        types.InitializeParams(
            able or capabilities(),
            workspace_folders=folders_of(folders or [root]),
            initialization_options=dict(initial or {}),
        )
    )
    log = client._server.stderr if client._server is not None else None  # noqa: SLF001
    try:
        yield editor
    finally:
        await client.shutdown_session()
        await client.stop()  # type: ignore[no-untyped-call]
    # Whatever goes wrong in the server without an answer of its own, it logs.
    assert log is not None
    assert (await log.read()).decode() == ""
