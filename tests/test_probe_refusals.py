"""What the worker never does, whatever a recipe says: recipes from outside the closed lists, too much, too far."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from probe_helpers import (
    IMAGES,
    LOAD_WORKER,
    build,
    container,
    failed,
    layer,
    linear,
    needs_torch,
    place,
    prober,
    read,
    recipe,
    seen,
)

from headlint.probe.client import Prober

pytestmark = needs_torch


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine, and what reached it."""
    reached: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                reached.append(b"connected")
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], reached
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, listener: tuple[int, list[bytes]]) -> Iterator[Prober]:
    """The real worker, in which some builders misbehave."""
    driver = tmp_path_factory.mktemp("driver") / "driver.py"
    outside = driver.with_name("outside")
    driver.write_text(
        f"""
{LOAD_WORKER}
import shutil, signal, socket, subprocess, urllib.request
from headlint_worker import serving
from headlint_worker.libraries import Libraries

def request(): urllib.request.urlopen("http://127.0.0.1:{listener[0]}/weights.pth")
def connect(): socket.create_connection(("127.0.0.1", {listener[0]}))
def resolve(): socket.getaddrinfo("localhost", 80)
def swallowed():
    try: request()
    except Exception: return libraries.nn.Identity()
def program(): subprocess.run(["true"])
def killed(): os.kill(os.getpid(), signal.SIGKILL)
def ended(): os._exit(3)
def hung(): time.sleep(600)
def greedy():
    held = []
    while True: held.append(bytearray(32 << 20))
def noisy():
    print("Downloading: 100%"); os.write(1, b"noise\\n"); os.write(2, b"noise\\n")
    return libraries.nn.Identity()
def listing():
    raise ValueError(repr((os.listdir("."), os.environ.get("TORCH_HOME", "").startswith(os.getcwd()))))
def written(): open({str(outside)!r}, "w")
def appended(): os.close(os.open({str(outside)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
def directory(): os.makedirs({str(outside)!r})
def renamed():
    open("inside", "w").close()
    try: os.rename("inside", {str(outside)!r})
    finally: os.remove("inside")
def removed(): os.remove(__file__)
def linked(): os.symlink("/etc", {str(outside)!r})
def kept():
    os.makedirs("torch/hub"); open("torch/hub/weights", "w").close(); open(os.devnull, "w").close()
    shutil.rmtree("torch")
    return libraries.nn.Identity()
def compiled(): raise RuntimeError("operator torchvision::nms does not exist")

original = serving.import_libraries
def with_misbehaving_builders():
    global libraries
    libraries = original()
    builders = libraries.torchvision.models._api.BUILTIN_MODELS
    network = (request, connect, resolve, swallowed)
    files = (written, appended, directory, renamed, removed, linked, kept)
    for function in (*network, *files, program, killed, ended, hung, greedy, noisy, listing, compiled):
        builders[function.__name__] = function
    return Libraries(libraries.torch, libraries.torchvision)
serving.import_libraries = with_misbehaving_builders
serving.main(sys.argv[1:])
"""
    )
    with prober(driver, timeout=20.0, memory=1 << 30) as started:
        yield started


@pytest.mark.parametrize("builder", ["request", "connect", "resolve", "swallowed"])
def test_the_network_is_out_of_reach(worker: Prober, listener: tuple[int, list[bytes]], builder: str) -> None:
    failure = failed(worker.observe(recipe(build(builder))))
    assert failure.kind == "environment"
    assert "which is not allowed" in failure.reason
    assert ("socket." in failure.reason) or ("urllib.Request" in failure.reason)
    assert listener[1] == []


@pytest.mark.parametrize("builder", ["written", "appended", "directory", "renamed", "removed", "linked"])
def test_nothing_outside_the_temporary_directory_is_changed(worker: Prober, builder: str) -> None:
    driver = worker._worker_file  # noqa: SLF001
    before = driver.read_bytes()
    failure = failed(worker.observe(recipe(build(builder))))
    assert failure.kind == "environment"
    assert "which is not allowed" in failure.reason
    assert [path.name for path in driver.parent.iterdir()] == ["driver.py"]
    assert driver.read_bytes() == before


def test_in_the_temporary_directory_files_may_be_made(worker: Prober) -> None:
    assert seen(worker.observe(recipe(build("kept"))))["events"] == [None]


def test_no_other_program_is_started(worker: Prober) -> None:
    assert "subprocess.Popen" in failed(worker.observe(recipe(build("program")))).reason


@pytest.mark.parametrize(
    ("builder", "reason"),
    [("killed", "the worker crashed (signal 9)"), ("ended", "the worker crashed (status 3)")],
)
def test_a_crash_ends_its_experiment_and_not_the_worker(worker: Prober, builder: str, reason: str) -> None:
    before = worker.versions()
    process = worker.process_id
    assert failed(worker.observe(recipe(build(builder)))).reason == reason
    assert worker.versions() == before
    assert worker.process_id == process is not None


def test_memory_is_watched_while_an_experiment_runs(worker: Prober) -> None:
    failure = failed(worker.observe(recipe(build("greedy"))))
    assert (failure.kind, failure.reason) == ("memory", "needs more than 1.1 GB of memory")


def test_what_a_library_prints_does_not_disturb_the_lines(worker: Prober) -> None:
    assert seen(worker.observe(recipe(build("noisy"))))["events"] == [None]


def test_the_worker_stands_in_an_empty_directory_of_its_own(worker: Prober) -> None:
    text = seen(worker.observe(recipe(build("listing"))))["events"][0]["raised"]["text"]
    assert text == "([], True)"


def test_missing_operators_are_no_evidence(worker: Prober) -> None:
    failure = failed(worker.observe(recipe(build("compiled"))))
    assert failure.kind == "environment"
    assert failure.reason == "needs compiled operators of torchvision that do not load with this torch"


def test_an_experiment_that_hangs_is_ended_at_its_deadline(worker: Prober) -> None:
    process = worker.process_id
    worker.timeout = 1.0
    try:
        failure = failed(worker.observe(recipe(build("hung"))))
    finally:
        worker.timeout = 20.0
    assert (failure.kind, failure.reason) == ("time", "timed out after 1 s")
    assert worker.process_id == process


HUGE = [
    ([linear(0, 10**9, 10**9)], None, "needs 4000000004.0 GB, the limit is 1.1 GB"),
    ([linear(0, 10**10, 10**10)], None, "needs more memory than there is"),
    ([layer(0, "Conv2d", in_channels=10**5, out_channels=10**5, kernel_size=3)], None, "needs 360.0 GB"),
    ([linear(0, 12000, 12000), linear(1, 12000, 12000)], None, "needs 1.2 GB, the limit is 1.1 GB"),
    ([build("resnet18", num_classes=10**6)], None, "needs 2.0 GB, the limit is 1.1 GB"),
    ([build("resnet18", num_classes=10**9)], None, "needs 2048.0 GB at once"),
    ([build("resnet18", num_classes=10**30)], None, "is too large a number"),
    ([layer(0, "Identity")], [1000, 1000, 1000], "needs 4.0 GB, the limit is 1.1 GB"),
]


@pytest.mark.parametrize(("events", "shape", "reason"), HUGE)
def test_what_cannot_fit_is_refused_before_it_is_made(
    worker: Prober, events: list[dict[str, Any]], shape: list[int] | None, reason: str
) -> None:
    failure = failed(worker.observe(recipe(*events, shape=shape)))
    assert failure.kind == "memory"
    assert reason in failure.reason


def event(do: Any, **rest: Any) -> dict[str, Any]:
    return {"do": do, **rest}


RESNET = build("resnet18")
CRAFTED: list[tuple[list[Any], str]] = [
    ([build("os.system")], "unknown builder 'os.system' in torchvision"),
    ([build("list_models")], "unknown builder 'list_models'"),
    ([build("resnet18", weights="DEFAULT")], "the argument 'weights' cannot be replayed"),
    ([build("resnet18", weights_backbone="DEFAULT")], "the argument 'weights_backbone' cannot be replayed"),
    ([build("resnet18", pretrained=True)], "the argument 'pretrained' cannot be replayed"),
    ([build("resnet18", __class__=1)], "the argument '__class__' cannot be replayed"),
    ([build("resnet18", norm_layer={"a": 1})], "is no plain value"),
    ([build("quantized_resnet18", quantize=True)], "quantized models are not replayed"),
    ([layer(0, "os.system")], "unknown layer 'os.system' in torch"),
    ([layer(0, "functional")], "unknown layer 'functional'"),
    ([layer(0, "Parameter")], "unknown layer 'Parameter'"),
    ([layer(0, "DataParallel")], "unknown layer 'DataParallel'"),
    ([layer(0, "__builtins__")], "unknown layer '__builtins__'"),
    ([layer(0, "Linear", in_features=1, out_features=1, device="cuda")], "the argument 'device' cannot be replayed"),
    ([container(0, "eval")], "unknown container 'eval'"),
    ([RESNET, container(1, "DataParallel")], "DataParallel holds one module"),
    ([event("exec", code="print()")], "unknown event 'exec'"),
    ([event(["exec"])], "unknown event ['exec']"),
    ([5], "unknown event 5"),
    ([RESNET, place([0, ""], "__class__", None)], "'__class__' is no name that can be replayed"),
    ([RESNET, place([0, ""], "_modules", None)], "'_modules' is no name that can be replayed"),
    ([RESNET, place([0, ""], "a.b", None)], "'a.b' is no name that can be replayed"),
    ([RESNET, place([0, ""], "fc", None, "setattr")], "'setattr' is no way to set a module"),
    ([RESNET, event("attribute", target=[0, "fc"], name="__dict__", value=1)], "'__dict__' is no name"),
    ([RESNET, event("attribute", target=[0, "fc"], name="_forward_hooks", value=1)], "'_forward_hooks' is no name"),
    ([RESNET, event("attribute", target=[0, "fc.weight"], name="data", value=1)], "no module stood at 'fc.weight'"),
    ([RESNET, event("attribute", target=[0, ""], name="x", value={"a": 1})], "{'a': 1} is no plain value"),
    ([RESNET, event("delete", target=[0, ""], name="__init__")], "'__init__' is no name"),
    ([RESNET, read([0, ""], "__class__", "__mro__")], "'__class__' is no name"),
    ([RESNET, read([0, ""], "fc", "__init__", "__globals__")], "'__init__' is no name"),
    ([RESNET, event("read", target=[0, ""], steps=[True])], "True is no name"),
    ([RESNET, event("read", target=[0, ""], steps=[[0]])], "[0] is no name"),
    ([RESNET, event("flag", parameters=[[0, "nothing"]], value=True)], "no parameter stood at 'nothing'"),
    ([RESNET, event("flag", parameters=[], value=1)], "a flag is true or false"),
    ([RESNET, RESNET], "object 0 is made twice"),
    ([RESNET, event("copy", object=1, source=[0, ""])], "unknown event 'copy'"),
    ([RESNET, event("opaque", object="1")], "'1' is no object number"),
]


@pytest.mark.parametrize(("events", "reason"), CRAFTED)
def test_a_crafted_recipe_is_refused(worker: Prober, events: list[Any], reason: str) -> None:
    failure = failed(worker.observe(recipe(*events)))
    assert failure.kind == "refused"
    assert reason in failure.reason


def test_a_crafted_recipe_is_refused_before_its_first_event(worker: Prober) -> None:
    failure = failed(worker.observe(recipe(build("killed"), event("exec"))))
    assert failure.reason == "unknown event 'exec'"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "the recipe is not of format 1"),
        ({"events": None}, "events is no list"),
        ({"model": "fc"}, "'fc' is no reference"),
        ({"model": [0, "head"]}, "no module stood at 'head' of object 0"),
        ({"watch": [[0]]}, "[0] is no reference"),
        ({"input": "64"}, "input is no list"),
        ({"input": [2, -3]}, "the input [2, -3] is no shape"),
        ({"input": [1] * 9}, "is no shape"),
    ],
)
def test_a_recipe_of_another_form_is_refused(worker: Prober, change: dict[str, Any], reason: str) -> None:
    failure = failed(worker.observe({**recipe(RESNET), **change}))
    assert failure.kind == "refused"
    assert reason in failure.reason


def test_a_recipe_that_is_no_json_is_refused_at_once(tmp_path: Path) -> None:
    with prober(tmp_path / "no_worker.py") as asked:
        assert failed(asked.observe({"events": {1, 2}})).reason == "the recipe is not plain data"


def test_a_module_inside_itself_does_not_end_the_worker(worker: Prober) -> None:
    failure = failed(worker.observe(recipe(RESNET, place([0, "layer1"], "whole", [0, ""]), shape=IMAGES)))
    assert failure.kind == "crash"
    assert "RecursionError" in failure.reason
