"""The language server and its workers: what they decide, who chooses them, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from lsp_helpers import PROGRAM, capabilities, editing, is_pending, until
from lsprotocol import types
from probe_helpers import scripted_worker, starts

# The worker sees that the new layer is called.
CALLED = """\
facts = dict(calls=2, arrived=None, parameters=2, trainable=2, reached=2, used=2, inside=True, modules_called=0,
             weight=None, held=0)
counts = dict(parameters=64, trainable=64, used=64, reached=64)
time.sleep(0.3)
forward = dict(output=[2, 10], raised=None, stopped=None)
observation = dict(events=[None] * len(request['recipe']['events']), optimizers=[], forward=forward, model=counts,
                   watch={'1:': facts})
say(json.dumps({'id': request['id'], 'observation': observation}))"""


def python_at(path: Path, on_request: str) -> Path:
    """A Python whose worker answers as scripted; its starts are counted beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    worker = scripted_worker(path.parent, on_request)
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {worker}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


pytestmark = [pytest.mark.asyncio, pytest.mark.skipif(os.name == "nt", reason="a shell script stands for a Python")]


async def test_a_refuted_finding_disappears(clean_environment: dict[str, str], tmp_path: Path) -> None:
    python = python_at(tmp_path / "outside" / "python", CALLED)
    arguments = ["--python", str(python), "--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        (item,) = await editor.until(uri, bool)
        assert is_pending(item)
        await editor.until(uri, lambda items: not items)
        assert len(starts(python.parent)) == 1


async def test_edits_while_the_worker_starts_disturb_nothing(clean_environment: dict[str, str], tmp_path: Path) -> None:
    python = python_at(tmp_path / "outside" / "python", CALLED)
    arguments = ["--python", str(python), "--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        for number in range(30):
            editor.change(uri, PROGRAM + f"# {number}\n")
            await asyncio.sleep(0.02)
        await editor.until(uri, bool)
        await editor.until(uri, lambda items: not items)
        assert len(starts(python.parent)) == 1
        assert len(editor.client.progress_reports) == 1


async def test_a_worker_that_dies_is_started_again(clean_environment: dict[str, str], tmp_path: Path) -> None:
    python = python_at(tmp_path / "outside" / "python", CALLED)
    arguments = ["--python", str(python), "--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        await editor.until(uri, bool)
        await editor.until(uri, lambda items: not items)
        os.kill(starts(python.parent)[0], signal.SIGKILL)
        editor.change(uri, PROGRAM.replace("classifier", "head"))
        await editor.until(uri, bool)
        await editor.until(uri, lambda items: not items)
        assert len(starts(python.parent)) == 2


async def test_a_worker_that_hangs_is_ended_with_the_server(clean_environment: dict[str, str], tmp_path: Path) -> None:
    python = python_at(tmp_path / "outside" / "python", "time.sleep(600)")
    arguments = ["--python", str(python), "--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        await editor.until(uri, lambda items: bool(items) and is_pending(items[0]))
        await until(lambda: len(starts(python.parent)) == 1)
        # It answers everything else meanwhile.
        asked = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(3, 1))
        assert await asyncio.wait_for(editor.client.text_document_hover_async(asked), 20) is not None
    (process,) = starts(python.parent)
    await until(lambda: not is_running(process))


@pytest.mark.parametrize("missing", ["the Python", "torch"])
async def test_torch_that_is_installed_later_is_found(
    clean_environment: dict[str, str], tmp_path: Path, missing: str
) -> None:
    venv = tmp_path / "venv"
    packages = venv / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("version = 3.11.7\n", encoding="utf-8")
    if missing == "torch":
        hello = 'print(\'{"unavailable": "torch is not installed"}\')'
        (venv / "bin").mkdir()
        (venv / "bin" / "python").write_text(f"#!{sys.executable}\n{hello}\n", encoding="utf-8")
        (venv / "bin" / "python").chmod(0o755)
    arguments = ["--python", str(venv / "bin" / "python"), "--cache-dir", str(tmp_path / "cache")]
    async with editing(clean_environment, tmp_path, arguments=arguments) as editor:
        uri = editor.open(PROGRAM)
        reason = "torch is not installed" if missing == "torch" else "there is no Python at"
        await editor.until(uri, lambda items: bool(items) and f"[unconfirmed: {reason}" in items[0].message)
        for number in range(3):
            editor.change(uri, PROGRAM + f"# {number}\n")
            await editor.until(uri, lambda items: bool(items) and f"[unconfirmed: {reason}" in items[0].message)
        assert len(editor.client.progress_reports) == (missing == "torch")
        python_at(venv / "bin" / "python", CALLED)
        (packages / "torch").mkdir()
        editor.change(uri, PROGRAM + "# it is there\n")
        await editor.until(uri, lambda items: not items)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("where", ["settings", "pyproject.toml"])
async def test_an_untrusted_workspace_chooses_no_python(
    clean_environment: dict[str, str], tmp_path: Path, where: str
) -> None:
    python = python_at(tmp_path / "venv" / "python", CALLED)
    other = python_at(tmp_path / "outside" / "python", CALLED)
    if where == "pyproject.toml":
        (tmp_path / where).write_text("[tool.headlint]\npython = 'venv/python'\nconfirm = 'auto'\n", encoding="utf-8")
    settings = {"python": str(python)} if where == "settings" else {}
    cache = ["--cache-dir", str(tmp_path / "cache")]
    async with editing(
        clean_environment, tmp_path, settings=settings, arguments=[*cache, "--python", str(other)]
    ) as editor:
        uri = editor.open(PROGRAM)
        await editor.until(uri, bool)
        await editor.until(uri, lambda items: not items)
        assert (len(starts(python.parent)), len(starts(other.parent))) == (0, 1)
    async with editing(clean_environment, tmp_path, settings=settings, arguments=cache) as editor:
        uri = editor.open(PROGRAM)
        await editor.until(uri, bool)
        told = "headlint: the workspace is not trusted: its 'python' is passed over"
        assert [message.message for message in editor.client.messages] == [told]
        assert starts(python.parent) == []
    async with editing(
        clean_environment, tmp_path, initial={"trusted": True}, settings=settings, arguments=cache
    ) as editor:
        uri = editor.open(PROGRAM)
        await until(lambda: bool(starts(python.parent)))
        assert editor.client.messages == []


async def test_folders_of_one_workspace_are_judged_apart(clean_environment: dict[str, str], tmp_path: Path) -> None:
    never = CALLED.replace("calls=2", "calls=0").replace("used=2", "used=0")
    left, right = tmp_path / "left", tmp_path / "right"
    pythons = [python_at(left / "venv" / "python", CALLED), python_at(right / "venv" / "python", never)]
    settings = "[tool.headlint]\npython = 'venv/python'\ncache-dir = 'cache'\n"
    (left / "pyproject.toml").write_text(settings, encoding="utf-8")
    (right / "pyproject.toml").write_text(f"{settings}ignore = ['HL303']\n", encoding="utf-8")
    text = PROGRAM + "model.requires_grad = False\n"
    folders = [left, right]
    async with editing(clean_environment, tmp_path, initial={"trusted": True}, folders=folders) as editor:
        first, second = (editor.open(text, folder / "train.py") for folder in folders)
        await editor.until(first, lambda items: [item.code for item in items] == ["HL303"])
        (item,) = await editor.settled(second)
        assert item.code == "HL101"
        assert "[confirmed: " in item.message
        processes = [starts(python.parent) for python in pythons]
        assert [len(started) for started in processes] == [1, 1]
        assert editor.client.messages == []

        # A folder that leaves the workspace takes its worker along, and what lies in it is trusted no more.
        editor.change_folders(removed=[right])
        await until(lambda: not is_running(processes[1][0]))
        await until(lambda: bool(editor.client.messages))
        told = "headlint: the workspace is not trusted: its 'python' is passed over"
        assert [message.message for message in editor.client.messages] == [told]
        assert is_running(processes[0][0])

        editor.change_folders(added=[right])
        editor.change(second, text + "# again\n")
        await until(lambda: len(starts(pythons[1].parent)) == 2)
        (item,) = await editor.settled(second)
        assert "[confirmed: " in item.message
        assert len(starts(pythons[0].parent)) == 1


async def test_one_folder_of_a_workspace_may_be_trusted(clean_environment: dict[str, str], tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    pythons = [python_at(folder / "venv" / "python", CALLED) for folder in (left, right)]
    for folder in (left, right):
        (folder / "pyproject.toml").write_text("[tool.headlint]\npython = 'venv/python'\n", encoding="utf-8")
    arguments = ["--cache-dir", str(tmp_path / "cache")]
    trusted = {"trusted": [left.as_uri()]}
    async with editing(
        clean_environment, tmp_path, initial=trusted, arguments=arguments, folders=[left, right]
    ) as editor:
        uri = editor.open(PROGRAM, right / "train.py")
        await editor.until(uri, bool)
        assert [message.message for message in editor.client.messages] == [
            "headlint: the workspace is not trusted: its 'python' is passed over"
        ]
        uri = editor.open(PROGRAM, left / "train.py")
        await editor.until(uri, bool)
        await editor.until(uri, lambda items: not items)
        assert [len(starts(python.parent)) for python in pythons] == [1, 0]


async def test_each_folder_has_settings_of_its_own(clean_environment: dict[str, str], tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    async with editing(clean_environment, tmp_path, settings={"confirm": "off"}, folders=[left, right]) as editor:
        uris = [editor.open(PROGRAM, folder / "train.py") for folder in (left, right)]
        for uri in uris:
            await editor.until(uri, bool)
        quiet = {"confirm": "off", "ignore": ["HL101"]}
        editor.client.set_configuration(quiet, section="headlint", scope_uri=right.as_uri())
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await editor.until(uris[1], lambda items: not items)
        editor.change(uris[0], PROGRAM + "# again\n")
        await until(lambda: editor.said(uris[0])[-1][1] == 2)
        assert len(editor.said(uris[0])[-1][2]) == 1


async def test_settings_of_the_client_and_of_the_project_are_heeded(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.headlint]\nignore = ['HL1']\n", encoding="utf-8")
    settings = {"confirm": "off", "timeout": "soon"}
    async with editing(clean_environment, tmp_path, able=capabilities(), settings=settings) as editor:
        uri = editor.open(PROGRAM)
        await editor.until(uri, lambda items: not items)
        assert [message.message for message in editor.client.messages] == [
            "headlint: the setting timeout: must be a number of seconds"
        ]
        project.write_text("[tool.headlint]\n", encoding="utf-8")
        saved = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri))
        editor.client.text_document_did_save(saved)
        (item,) = await editor.until(uri, bool)
        assert item.message.endswith("[unconfirmed: confirmation is off]")
        editor.client.set_configuration({"confirm": "off", "ignore": ["HL101"]}, section="headlint")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await editor.until(uri, lambda items: not items)
