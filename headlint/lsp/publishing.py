"""How diagnostics get to the client: pushed when they change, or fetched by it when it is told that they have."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from headlint.lsp.diagnostics import diagnostics
from headlint.lsp.looks import Result


def fetches(capabilities: types.ClientCapabilities) -> bool:
    """Whether a client fetches diagnostics, and can be told to do so again when a verdict has come."""
    text, workspace = capabilities.text_document, capabilities.workspace
    refresh = workspace.diagnostics.refresh_support if workspace and workspace.diagnostics else False
    return bool(text and text.diagnostic and refresh)


class Publisher:
    """Tells one client the results."""

    def __init__(self, server: LanguageServer, *, fetched: bool) -> None:
        self._server = server
        self._fetched = fetched
        self._sent: dict[str, Sequence[types.Diagnostic]] = {}
        # The texts of each document, of which a notebook may lose some.
        self._texts: dict[str, set[str]] = {}

    def tell(self, result: Result, first: bool) -> None:
        """Tell a result; `first` is that of a change which the client knows of, having made it."""
        if self._fetched:
            if not first:
                self.refresh()
            return
        parts = (*result.document.parts, *result.document.left_out)
        texts = {part.uri for part in parts}
        self._forget(self._texts.get(result.document.uri, set()) - texts)
        self._texts[result.document.uri] = texts
        no_python = result.draft.program is None and result.draft.notes
        if no_python and any(self._sent.get(part.uri) for part in result.document.parts):
            # In the middle of a word a file is none; until it is again, what was said moves with the text.
            return
        items = by_text(result)
        for part in parts:
            self._send(part.uri, part.version, items.get(part.uri, []))

    def refresh(self) -> None:
        """Have a client that fetches diagnostics fetch them all again."""
        if self._fetched:
            self._server.workspace_diagnostic_refresh(None)

    def take_back(self, result: Result) -> None:
        """Say nothing more about a document that has been closed."""
        self._forget(self._texts.pop(result.document.uri, set()))

    def _forget(self, texts: set[str]) -> None:
        for uri in texts:
            self._send(uri, None, [])
            self._sent.pop(uri, None)

    def _send(self, uri: str, version: int | None, items: Sequence[types.Diagnostic]) -> None:
        if items or self._sent.get(uri) != items:
            self._sent[uri] = items
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items, version))


def by_text(result: Result) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of a result by the text of the client's that they stand in."""
    found: dict[str, list[types.Diagnostic]] = {}
    for uri, item in diagnostics(result.document, result.draft, result.findings):
        found.setdefault(uri, []).append(item)
    return found
