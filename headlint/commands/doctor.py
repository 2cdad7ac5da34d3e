"""`headlint doctor`: which Python would confirm findings and why, where verdicts are kept, and one live probe."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headlint import __version__
from headlint.commands.options import add_confirmation_options

if TYPE_CHECKING:
    from headlint.history import Json
    from headlint.probe.client import Prober
    from headlint.probe.protocol import Failure

HEALTHY, UNHEALTHY, WRONG_CONFIGURATION = 0, 1, 2


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("doctor", help="say what would confirm findings, and try it", description=__doc__)
    add_confirmation_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the facts; exit status 1 if findings could not be confirmed."""
    from headlint.probe.client import Prober
    from headlint.run.plan import Plan
    from headlint.source.configuration import NO_CONFIGURATION, ConfigurationFault

    given = replace(NO_CONFIGURATION, python=options.python, timeout=options.timeout, cache_dir=options.cache_dir)
    try:
        plan = Plan(given)
    except ConfigurationFault as fault:
        print(f"headlint doctor: {fault}", file=sys.stderr)
        return WRONG_CONFIGURATION
    settings = plan.settings
    _say(
        "headlint",
        f"{__version__} on Python {platform.python_version()}, {_installed('libcst')}, {_installed('flake8')}",
    )
    _say("configuration", str(plan.base.file or "none"))
    for note in plan.notes:
        _say("", note)
    try:
        # The live probe has to be one, so its answer is not looked up; the cache is asked for by itself.
        with Prober(python=settings.python, timeout=settings.timeout, cache_directory="") as prober:
            status = _examine(prober)
        _say("cache", _cache_state(settings.cache_directory))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  (a fault of ours is what the doctor has to tell)
        _say("fault", f"headlint itself fails here ({type(error).__name__}: {error})")
        return UNHEALTHY
    return status


def _examine(prober: Prober) -> int:
    from headlint.claims import shape_text
    from headlint.probe.protocol import Failure

    choice = prober.choice()
    if isinstance(choice, Failure):
        return _fail("confirms with", choice)
    _say("confirms with", f"{choice.python}, because {choice.why}")
    started = time.perf_counter()
    versions = prober.versions()
    if isinstance(versions, Failure):
        return _fail("versions", versions)
    _say("versions", f"Python {versions.python}, torch {versions.torch}, torchvision {versions.torchvision}")
    _say("worker", f"started in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    seen = prober.observe(_resnet50_with_ten_classes())
    if isinstance(seen, Failure):
        return _fail("live probe", seen)
    milliseconds = (time.perf_counter() - started) * 1000
    shape = shape_text(seen.data.get("forward", {}).get("output"))
    _say("live probe", f"resnet50 with fc = Linear(2048, 10): forward returns {shape}, in {milliseconds:.0f} ms")
    return HEALTHY


def _fail(subject: str, failure: Failure) -> int:
    _say(subject, f"none: {failure.reason}")
    _say("so", "findings are reported as unconfirmed; torch and torchvision beside headlint, or --python, confirm them")
    return UNHEALTHY


def _say(subject: str, text: str) -> None:
    print(f"{subject:15}{text}", flush=True)


def _installed(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} of unknown version"


def _cache_state(directory: str | None) -> str:
    from headlint.probe.cache import Cache, default_directory

    cache = Cache(default_directory() if directory is None else directory)
    try:
        cache.put("doctor", __version__)
        works = cache.get("doctor") == __version__
    finally:
        cache.close()
    if cache.path is None:
        return "none: verdicts are not kept"
    return cache.path if works else f"{cache.path}, which cannot be used: verdicts are not kept"


def _resnet50_with_ten_classes() -> dict[str, Json]:
    from headlint.history import Build, MakeLayer, ModuleRef, SetModule, Witnesses, recipe

    model, head = ModuleRef(0, ""), ModuleRef(1, "")
    events = (
        Build(site=None, object=0, builder="resnet50", arguments=(), weighted=False),
        MakeLayer(site=None, object=1, kind="Linear", arguments=(("in_features", 2048), ("out_features", 10))),
        SetModule(site=None, target=model, name="fc", value=head, replaced=ModuleRef(0, "fc"), how="attribute"),
    )
    shape = (2, 3, 64, 64)
    return recipe(events, model=model, watch=(head,), input_shape=shape, witnesses=Witnesses({}, {})).body
