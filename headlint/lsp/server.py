"""The server: which messages of the protocol it understands, and who answers them."""

from __future__ import annotations

import uuid
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from headlint import __version__
from headlint.lint import Settings
from headlint.lsp.client import SECTION, Client
from headlint.lsp.desk import Desk
from headlint.lsp.diagnostics import page_uri
from headlint.lsp.documents import owner_of
from headlint.lsp.positions import Texts
from headlint.lsp.publishing import Publisher, by_text, fetches
from headlint.lsp.workers import Worker
from headlint.rulebook import find_rule

RESTART, SHOW_RULE = "headlint.restart", "headlint.showRule"
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    [types.NotebookDocumentFilterWithNotebook("jupyter-notebook", [types.NotebookCellLanguage("python")])], save=True
)


class HeadlintServer(LanguageServer):
    """One server for one client; `command_line` are the settings that it was started with."""

    def __init__(self, command_line: Settings) -> None:
        super().__init__("headlint", __version__, types.TextDocumentSyncKind.Incremental, _NOTEBOOKS)
        self.client = Client(self, command_line)
        self.desk: Desk | None = None
        self.publisher: Publisher | None = None

    @property
    def at_work(self) -> Desk:
        """The desk; there is one once the client has said hello."""
        assert self.desk is not None
        return self.desk


def server_with(command_line: Settings) -> HeadlintServer:
    """A server that answers all that it understands."""
    server = HeadlintServer(command_line)
    for method, handler in _HANDLERS.items():
        server.feature(method)(handler)
    server.command(SHOW_RULE)(_show_rule)
    server.command(RESTART)(_restart)
    return server


# -- hello and farewell ------------------------------------------------------------------------------------------


def _initialize(ls: HeadlintServer, params: types.InitializeParams) -> None:
    ls.client.initialized_with(params.initialization_options)
    old = ls.workspace
    # pygls has lines end where Python's splitlines does, which neither the protocol nor Python's parser agrees with.
    workspace = Texts(
        old.root_uri, types.TextDocumentSyncKind.Incremental, list(old.folders.values()), old.position_encoding
    )
    ls.protocol._workspace = workspace  # noqa: SLF001
    fetched = fetches(params.capabilities)
    ls.publisher = Publisher(ls, fetched=fetched)
    ls.desk = Desk(workspace, ls.client.options_for, ls.publisher.tell, lambda worker: _start(ls, worker))
    if fetched:
        options = types.DiagnosticOptions(
            inter_file_dependencies=False, workspace_diagnostics=False, identifier=SECTION
        )
        ls.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)(_diagnostic)


async def _initialized(ls: HeadlintServer, params: types.InitializedParams) -> None:
    workspace = ls.client_capabilities.workspace
    if workspace and workspace.did_change_configuration and workspace.did_change_configuration.dynamic_registration:
        wanted = types.Registration(str(uuid.uuid4()), types.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": SECTION})
        await ls.client_register_capability_async(types.RegistrationParams([wanted]))
    await ls.client.fetch_settings()
    _look_again(ls)


def _shutdown(ls: HeadlintServer, params: None) -> None:
    ls.at_work.end()


async def _changed_configuration(ls: HeadlintServer, params: types.DidChangeConfigurationParams) -> None:
    ls.client.told(params.settings)
    await ls.client.fetch_settings()
    _look_again(ls)


def _look_again(ls: HeadlintServer) -> None:
    ls.at_work.look_at_all()
    if ls.publisher is not None:
        ls.publisher.refresh()


async def _start(ls: HeadlintServer, worker: Worker) -> None:
    """Start a worker, with something to look at for as long as torch is imported."""
    window = ls.client_capabilities.window
    if not (window and window.work_done_progress):
        return await worker.start()
    token = f"headlint-{uuid.uuid4()}"
    await ls.work_done_progress.create_async(token)
    ls.work_done_progress.begin(token, types.WorkDoneProgressBegin("headlint", message="importing torch"))
    try:
        await worker.start()
    finally:
        ls.work_done_progress.end(token, types.WorkDoneProgressEnd())


# -- documents -------------------------------------------------------------------------------------------------


def _opened(ls: HeadlintServer, params: types.DidOpenTextDocumentParams) -> None:
    ls.at_work.look(params.text_document.uri)


def _changed(ls: HeadlintServer, params: types.DidChangeTextDocumentParams) -> None:
    _look_later(ls, params.text_document.uri)


def _saved(ls: HeadlintServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.at_work.look(params.text_document.uri)


def _closed(ls: HeadlintServer, params: types.DidCloseTextDocumentParams) -> None:
    _forget(ls, params.text_document.uri)


def _opened_notebook(ls: HeadlintServer, params: types.DidOpenNotebookDocumentParams) -> None:
    ls.at_work.look(params.notebook_document.uri)


def _changed_notebook(ls: HeadlintServer, params: types.DidChangeNotebookDocumentParams) -> None:
    _look_later(ls, params.notebook_document.uri)


def _saved_notebook(ls: HeadlintServer, params: types.DidSaveNotebookDocumentParams) -> None:
    ls.at_work.look(params.notebook_document.uri)


def _closed_notebook(ls: HeadlintServer, params: types.DidCloseNotebookDocumentParams) -> None:
    _forget(ls, params.notebook_document.uri)


def _look_later(ls: HeadlintServer, uri: str) -> None:
    ls.at_work.look(uri, ls.client.options_for(uri)[1].debounce)


def _forget(ls: HeadlintServer, uri: str) -> None:
    result = ls.at_work.close(uri)
    if result is not None and ls.publisher is not None:
        ls.publisher.take_back(result)


async def _diagnostic(ls: HeadlintServer, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
    uri = params.text_document.uri
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    return types.RelatedFullDocumentDiagnosticReport([] if result is None else by_text(result).get(uri, []))


# -- commands --------------------------------------------------------------------------------------------------


async def _show_rule(ls: HeadlintServer, code: str) -> None:
    try:
        rule = find_rule(code)
    except LookupError as unknown:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"headlint: {unknown}"))
        return
    window = ls.client_capabilities.window
    if window and window.show_document and window.show_document.support:
        await ls.window_show_document_async(types.ShowDocumentParams(page_uri(rule.code), take_focus=True))
    else:
        told = f"{rule.code} {rule.name}: {rule.summary} ({page_uri(rule.code)})"
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, told))


def _restart(ls: HeadlintServer) -> None:
    ls.at_work.workers.close()
    _look_again(ls)


_HANDLERS: dict[str, Any] = {
    types.INITIALIZE: _initialize,
    types.INITIALIZED: _initialized,
    types.SHUTDOWN: _shutdown,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: _changed_configuration,
    types.TEXT_DOCUMENT_DID_OPEN: _opened,
    types.TEXT_DOCUMENT_DID_CHANGE: _changed,
    types.TEXT_DOCUMENT_DID_SAVE: _saved,
    types.TEXT_DOCUMENT_DID_CLOSE: _closed,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: _opened_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: _changed_notebook,
    types.NOTEBOOK_DOCUMENT_DID_SAVE: _saved_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: _closed_notebook,
}
