"""The server: which messages of the protocol it understands, and who answers them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from headlint import __version__
from headlint.flow.interpreter import Interpreter
from headlint.lsp import actions
from headlint.lsp.client import SECTION, Client
from headlint.lsp.completion import TRIGGERS
from headlint.lsp.desk import Desk
from headlint.lsp.diagnostics import page_uri
from headlint.lsp.documents import owner_of
from headlint.lsp.hints import hints
from headlint.lsp.hover import hover
from headlint.lsp.looks import Result
from headlint.lsp.positions import Texts
from headlint.lsp.protocol import Protocol
from headlint.lsp.publishing import Publisher, by_text, fetches
from headlint.lsp.workers import Worker
from headlint.relevance import concerns
from headlint.rulebook import find_rule
from headlint.source.configuration import FILE_NAME, Configuration

Answer = TypeVar("Answer")

RESTART = "headlint.restart"
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    [types.NotebookDocumentFilterWithNotebook("jupyter-notebook", [types.NotebookCellLanguage("python")])], save=True
)


class HeadlintServer(LanguageServer):
    """One server for one client; `command_line` is what it was started with."""

    def __init__(self, command_line: Configuration) -> None:
        super().__init__("headlint", __version__, types.TextDocumentSyncKind.Incremental, _NOTEBOOKS, Protocol)
        self.client = Client(self, command_line)
        self.desk: Desk | None = None
        self.publisher: Publisher | None = None

    @property
    def at_work(self) -> Desk:
        """The desk; there is one once the client has said hello."""
        assert self.desk is not None
        return self.desk


def server_with(command_line: Configuration) -> HeadlintServer:
    """A server that answers all that it understands."""
    server = HeadlintServer(command_line)
    for method, handler in _HANDLERS.items():
        server.feature(method)(handler)
    for method, (handler, options) in _OPTIONED.items():
        server.feature(method, options)(handler)
    server.command(actions.SHOW_RULE)(_show_rule)
    server.command(RESTART)(_restart)
    return server


# -- hello and farewell ------------------------------------------------------------------------------------------


def _initialize(ls: HeadlintServer, params: types.InitializeParams) -> None:
    ls.client.initialized_with(params)
    old = ls.workspace
    # pygls has lines end where Python's splitlines does, which neither the protocol nor Python's parser agrees with.
    workspace = Texts(
        old.root_uri, types.TextDocumentSyncKind.Incremental, list(old.folders.values()), old.position_encoding
    )
    ls.protocol._workspace = workspace  # noqa: SLF001
    fetched = fetches(params.capabilities)
    ls.publisher = Publisher(ls, fetched=fetched)
    told = params.capabilities.workspace
    versioned = bool(told and told.workspace_edit and told.workspace_edit.document_changes)
    ls.desk = Desk(
        workspace, ls.client.options_for, ls.publisher.tell, lambda worker: _start(ls, worker), versioned=versioned
    )
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
    await _watch_configuration(ls)
    await ls.client.fetch_settings()
    _look_again(ls)


async def _watch_configuration(ls: HeadlintServer) -> None:
    workspace = ls.client_capabilities.workspace
    if workspace and workspace.did_change_watched_files and workspace.did_change_watched_files.dynamic_registration:
        watched = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(f"**/{FILE_NAME}")])
        wanted = types.Registration(str(uuid.uuid4()), types.WORKSPACE_DID_CHANGE_WATCHED_FILES, watched)
        await ls.client_register_capability_async(types.RegistrationParams([wanted]))


def _changed_files(ls: HeadlintServer, params: types.DidChangeWatchedFilesParams) -> None:
    ls.client.forget_files()
    _look_again(ls)


def _shutdown(ls: HeadlintServer, params: None) -> None:
    ls.at_work.end()


async def _changed_configuration(ls: HeadlintServer, params: types.DidChangeConfigurationParams) -> None:
    ls.client.told(params.settings)
    await ls.client.fetch_settings()
    _look_again(ls)


async def _changed_folders(ls: HeadlintServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    ls.client.forget_files()
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
    # Not every client tells of files that change.
    ls.client.forget_files()
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
    ls.at_work.look_soon(uri, ls.client.options_for(uri)[1].debounce)


def _forget(ls: HeadlintServer, uri: str) -> None:
    result = ls.at_work.close(uri)
    if result is not None and ls.publisher is not None:
        ls.publisher.take_back(result)


async def _diagnostic(ls: HeadlintServer, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
    uri = params.text_document.uri
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    return types.RelatedFullDocumentDiagnosticReport([] if result is None else by_text(result).get(uri, []))


async def _code_actions(ls: HeadlintServer, params: types.CodeActionParams) -> list[types.Command | types.CodeAction]:
    """All that can be done about the findings in a range; fixes are proven now, if they have not been yet."""
    uri = params.text_document.uri
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    if result is None:
        return []
    found: list[types.Command | types.CodeAction] = []
    if actions.wants(params.context, types.CodeActionKind.QuickFix):
        told = actions.touched(result, uri, params.range)
        for finding, item in told:
            fix = await ls.at_work.fix_of(result, finding)
            if fix is not None and fix.applicability != "display":
                found.append(actions.quick_fix(result, item, fix))
        for finding, item in told:
            found += [actions.silence(result, finding, item), actions.show_rule(finding)]
    # Editors that ask whenever the cursor moves do not want all of it.
    asked = params.context.only or params.context.trigger_kind != types.CodeActionTriggerKind.Automatic
    if (
        asked
        and actions.wants(params.context, actions.FIX_ALL)
        and any(finding.verdict.kind == "confirmed" for finding in result.findings)
    ):
        new = await ls.at_work.fixed_text(result)
        if new != result.document.source.text:
            found.append(actions.fix_all(result, new))
    return found


# -- things under the cursor ------------------------------------------------------------------------------------


async def _hover(ls: HeadlintServer, params: types.HoverParams) -> types.Hover | None:
    found = await _at_cursor(ls, params.text_document.uri, params.position, hover)
    if found is None:
        return None
    result, shown = found
    answers = await ls.at_work.replayed(result, shown.recipes) if shown.recipes else {}
    content = types.MarkupContent(types.MarkupKind.Markdown, shown.text(answers))
    return types.Hover(content, result.document.located(shown.span).range)


async def _completion(ls: HeadlintServer, params: types.CompletionParams) -> types.CompletionList | None:
    uri, position = params.text_document.uri, params.position
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    if result is None or not concerns(result.document.source.text):
        return None
    return types.CompletionList(is_incomplete=False, items=await ls.at_work.completions(result, uri, position))


async def _at_cursor(
    ls: HeadlintServer,
    uri: str,
    position: types.Position,
    ask: Callable[[Result, int, int, type[Interpreter]], Answer | None],
) -> tuple[Result, Answer] | None:
    """The answer to a question about a place in a document as it is now, worked out where documents are read."""
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    place = None if result is None else result.document.place(uri, position)
    if result is None or place is None or not concerns(result.document.source.text):
        return None
    line, column = place
    answer = await ls.at_work.answered(result, lambda run: ask(result, line, column, run))
    return None if answer is None else (result, answer)


async def _inlay_hints(ls: HeadlintServer, params: types.InlayHintParams) -> list[types.InlayHint]:
    uri = params.text_document.uri
    result = await ls.at_work.newest(owner_of(ls.workspace, uri))
    if result is None or not result.options.inlay_hints:
        return []
    return await ls.at_work.reading.run(lambda: list(hints(result, uri, params.range)))


# -- commands --------------------------------------------------------------------------------------------------


def _show_rule(ls: HeadlintServer, code: str) -> None:
    try:
        rule = find_rule(code)
    except LookupError as unknown:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"headlint: {unknown}"))
        return
    window = ls.client_capabilities.window
    if window and window.show_document and window.show_document.support:
        ls.window_show_document(types.ShowDocumentParams(page_uri(rule.code), take_focus=True))
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
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: _changed_files,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: _changed_folders,
    types.TEXT_DOCUMENT_HOVER: _hover,
    types.TEXT_DOCUMENT_INLAY_HINT: _inlay_hints,
    types.TEXT_DOCUMENT_DID_OPEN: _opened,
    types.TEXT_DOCUMENT_DID_CHANGE: _changed,
    types.TEXT_DOCUMENT_DID_SAVE: _saved,
    types.TEXT_DOCUMENT_DID_CLOSE: _closed,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: _opened_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: _changed_notebook,
    types.NOTEBOOK_DOCUMENT_DID_SAVE: _saved_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: _closed_notebook,
}
_OPTIONED: dict[str, tuple[Any, Any]] = {
    types.TEXT_DOCUMENT_CODE_ACTION: (_code_actions, types.CodeActionOptions(list(actions.KINDS))),
    types.TEXT_DOCUMENT_COMPLETION: (_completion, types.CompletionOptions(list(TRIGGERS))),
}
