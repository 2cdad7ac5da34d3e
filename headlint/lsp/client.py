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
        self._configured: Mapping[str, Any] = {}
        self._folders: dict[str, Folder] = {}
        self._complaints: set[str] = set()

    def initialized_with(self, options: Any) -> None:
        """Keep the initialization options: settings, and `trusted`."""
        self._initial = options if isinstance(options, dict) else {}

    @property
    def trusted(self) -> bool:
        """Whether what lies in the workspace may choose the Python that runs."""
        return self._initial.get("trusted") is True

    @property
    def capabilities(self) -> types.ClientCapabilities:
        """What the client can do."""
        return self._server.client_capabilities

    async def fetch_settings(self) -> None:
        """Ask for the settings, where the client can be asked."""
        workspace = self.capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        asked = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
        answer = await self._server.workspace_configuration_async(asked)
        self.told(answer[0] if answer else None)

    def told(self, settings: Any) -> None:
        """Keep settings that the client has sent, alone or under our name."""
        if isinstance(settings, dict):
            inside = settings.get(SECTION, settings)
            self._configured = inside if isinstance(inside, dict) else {}
            self.forget_files()

    def forget_files(self) -> None:
        """Read the configuration of every folder anew."""
        self._folders.clear()

    def options_for(self, uri: str) -> tuple[str, Options]:
        """The folder of the workspace that a document belongs to, and the options for it."""
        root = self._folder_of(uri)
        folder = self._folders.get(root)
        if folder is None:
            client = {**self._initial, **self._configured}
            folder = self._folders[root] = Folder(root, self._command_line, client, trusted=self.trusted)
        options = folder.options_for(to_fs_path(uri) or uri)
        for fault in folder.faults:
            self._complain(fault)
        return root, options

    def _complain(self, fault: str) -> None:
        if fault not in self._complaints:
            self._complaints.add(fault)
            message = types.ShowMessageParams(types.MessageType.Warning, f"headlint: {fault}")
            self._server.window_show_message(message)

    def _folder_of(self, uri: str) -> str:
        workspace = self._server.workspace
        roots = [to_fs_path(folder) for folder in workspace.folders] or [workspace.root_path]
        path = to_fs_path(uri) or ""
        around = [root for root in roots if root and path.startswith(os.path.join(root, ""))]
        return max(around, key=len, default=os.path.dirname(path))
