"""What the client has said about itself: its settings, its folders, and whether its workspace is trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from headlint.lsp.settings import Folder, Options
from headlint.source.configuration import Configuration

SECTION = "headlint"


class Client:
    """One client's wishes; `command_line` is what the server was started with."""

    def __init__(self, server: LanguageServer, command_line: Configuration) -> None:
        self._server = server
        self._command_line = command_line
        self._initial: Mapping[str, Any] = {}
        # By the address of the folder that they hold for, "" for all others.
        self._configured: dict[str, Mapping[str, Any]] = {}
        self._has_folders = False
        self._folders: dict[str, Folder] = {}
        self._complaints: set[str] = set()

    def initialized_with(self, params: types.InitializeParams) -> None:
        """Keep the initialization options: settings, and `trusted`."""
        options = params.initialization_options
        self._initial = options if isinstance(options, dict) else {}
        self._has_folders = params.workspace_folders is not None

    def _trusts(self, root: str, *, in_workspace: bool) -> bool:
        """Whether what lies in a folder may choose the Python that runs.

        `trusted` is true for the whole workspace, or lists the folders that are. Where the client has none open, the
        directory of a file is what it has.
        """
        trusted = self._initial.get("trusted")
        if isinstance(trusted, list):
            places = [to_fs_path(place) or place for place in trusted if isinstance(place, str) and place]
            return any(os.path.join(root, "").startswith(os.path.join(place, "")) for place in places)
        return trusted is True and (in_workspace or not self._roots())

    @property
    def capabilities(self) -> types.ClientCapabilities:
        """What the client can do."""
        return self._server.client_capabilities

    async def fetch_settings(self) -> None:
        """Ask for the settings of all and of each folder, where the client can be asked."""
        workspace = self.capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        folders = ["", *self._server.workspace.folders]
        asked = [types.ConfigurationItem(scope_uri=folder or None, section=SECTION) for folder in folders]
        answers = await self._server.workspace_configuration_async(types.ConfigurationParams(asked))
        for folder, settings in zip(folders, answers, strict=False):
            self.told(settings, folder)

    def told(self, settings: Any, folder: str = "") -> None:
        """Keep settings that the client has sent, alone or under our name, for a folder or for all that has none."""
        if isinstance(settings, dict):
            inside = settings.get(SECTION, settings)
            self._configured[folder] = inside if isinstance(inside, dict) else {}
            self.forget_files()

    def forget_files(self) -> None:
        """Read the configuration of every folder anew."""
        self._folders.clear()

    def options_for(self, uri: str) -> tuple[str, Options]:
        """The folder of the workspace that a document belongs to, "" if it is in none, and the options for it."""
        path = to_fs_path(uri) or ""
        around = [root for root in self._roots() if path.startswith(os.path.join(root, ""))]
        root = max(around, key=len, default=os.path.dirname(path))
        folder = self._folders.get(root)
        if folder is None:
            configured = self._configured.get(self._roots().get(root, ""), self._configured.get("", {}))
            client = {**self._initial, **configured}
            trusted = self._trusts(root, in_workspace=bool(around))
            folder = self._folders[root] = Folder(root, self._command_line, client, trusted=trusted)
        options = folder.options_for(path or uri)
        for fault in folder.faults:
            self._complain(fault)
        return root if around else "", options

    def _roots(self) -> dict[str, str]:
        """The folders of the workspace, with their addresses."""
        workspace = self._server.workspace
        if self._has_folders:
            return {to_fs_path(folder) or folder: folder for folder in workspace.folders}
        return {workspace.root_path: ""} if workspace.root_path else {}

    def _complain(self, fault: str) -> None:
        if fault not in self._complaints:
            self._complaints.add(fault)
            message = types.ShowMessageParams(types.MessageType.Warning, f"headlint: {fault}")
            self._server.window_show_message(message)
