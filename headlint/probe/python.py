"""Which Python runs the worker: one that has torch and torchvision, and that somebody chose."""

from __future__ import annotations

import os
import re
import site
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder

from headlint.probe.protocol import Failure

NONE_FOUND = "no Python with torch and torchvision was found"
LIBRARIES = ("torch", "torchvision")
ON_WINDOWS = os.name == "nt"


@dataclass(frozen=True, slots=True)
class Installed:
    """The versions of the libraries that a Python's metadata names."""

    torch: str
    torchvision: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The Python that runs the worker, why it was chosen, and its versions if they can be seen from outside."""

    python: str
    why: str
    installed: Installed | None


def find_python(explicit: str | None) -> Choice | Failure:
    """The Python to use: the one asked for, the running one, or that of the activated environment.

    Nothing is imported and nothing runs. An environment that merely lies in the checked tree is never used.
    """
    if explicit:
        return asked_for(explicit)
    directories = running_site_directories()
    if sys.executable and all(is_importable(name, directories) for name in LIBRARIES):
        return Choice(sys.executable, "it runs headlint", installed_versions(directories))
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = os.environ.get(variable, "")
        python = interpreter_in(prefix)
        if python is None:
            continue
        directories = site_directories(python)
        if all(any(os.path.isfile(os.path.join(d, name, "__init__.py")) for d in directories) for name in LIBRARIES):
            return Choice(python, f"its environment is activated ({variable})", installed_versions(directories))
    return Failure(NONE_FOUND, "python")


def whereabouts(explicit: str | None) -> tuple[tuple[str, int], ...]:
    """The files and directories that tell whether a Python with torch can be found, each with its time of change.

    Packages that come or go change one of them. 0 stands for what does not exist.
    """
    paths: list[str] = []
    if explicit:
        choice = asked_for(explicit)
        paths.append(os.path.abspath(os.path.expanduser(explicit)))
        paths += [] if isinstance(choice, Failure) else [choice.python, *site_directories(choice.python)]
    else:
        paths += running_site_directories()
        for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
            python = interpreter_in(os.environ.get(variable, ""))
            paths += [] if python is None else [python, *site_directories(python)]
    return tuple((path, _changed(path)) for path in paths)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def asked_for(explicit: str) -> Choice | Failure:
    """The interpreter that an option names, by path or by a name on the PATH."""
    python = os.path.expanduser(explicit)
    if os.path.basename(python) == python:
        # A bare name is one on the PATH, as for a shell: never a file that happens to lie in this directory.
        import shutil

        found = shutil.which(python)
        if found is None:
            return Failure(f"there is no {explicit} on the PATH", "python")
        python = found
    python = os.path.abspath(python)
    if not os.path.exists(python):
        return Failure(f"there is no Python at {explicit}", "python")
    if os.path.isdir(python):
        return Failure(f"{explicit} is a directory, not a Python", "python")
    if not os.access(python, os.X_OK):
        return Failure(f"{explicit} cannot be executed", "python")
    return Choice(python, "it was asked for", installed_versions(site_directories(python)))


def interpreter_in(prefix: str) -> str | None:
    """The interpreter of an environment."""
    if not os.path.isabs(prefix):
        return None
    names = ("Scripts\\python.exe", "python.exe") if ON_WINDOWS else ("bin/python", "bin/python3")
    paths = (os.path.join(prefix, name) for name in names)
    return next((path for path in paths if os.access(path, os.X_OK) and os.path.isfile(path)), None)


def running_site_directories() -> list[str]:
    """Where packages of the running interpreter are installed; not the path that a script or `-m` adds."""
    directories = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        directories.append(site.getusersitepackages())
    return directories


def is_importable(name: str, directories: Iterable[str]) -> bool:
    """Whether a package of this name stands in one of the directories."""
    spec = PathFinder.find_spec(name, list(directories))
    return spec is not None and spec.origin is not None


def site_directories(python: str) -> list[str]:
    """Where packages of another interpreter are installed, as far as its files tell; empty if they do not."""
    prefix = os.path.dirname(os.path.dirname(python))
    settings = environment_settings(prefix)
    if settings is None:
        real = os.path.realpath(python)
        return [*base_directories(os.path.dirname(os.path.dirname(real)), version_in(os.path.basename(real)))]
    version = version_in(settings.get("version", "") or settings.get("version_info", ""))
    directories = [*library_directories(prefix, version)]
    if settings.get("include-system-site-packages", "").lower() == "true":
        directories += base_directories(os.path.dirname(settings.get("home", "")), version)
    return directories


def environment_settings(prefix: str) -> dict[str, str] | None:
    """What `pyvenv.cfg` of a virtual environment says; None if this is none."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as stream:
            pairs = (line.partition("=") for line in stream)
            return {name.strip().lower(): value.strip() for name, _, value in pairs}
    except OSError:
        return None


def version_in(text: str) -> str | None:
    """The `3.11` in `python3.11` or `3.11.7`."""
    match = re.search(r"(\d+\.\d+)", text)
    return match.group(1) if match else None


def library_directories(prefix: str, version: str | None) -> Iterator[str]:
    """The site-packages directories under a prefix, for one version of Python."""
    if ON_WINDOWS:
        yield os.path.join(prefix, "Lib", "site-packages")
        return
    for library in ("lib", "lib64"):
        directory = os.path.join(prefix, library)
        names = [f"python{version}"] if version else python_names(directory)
        if len(names) == 1:
            yield os.path.join(directory, names[0], "site-packages")


def python_names(directory: str) -> list[str]:
    """The names of the libraries of Python in a directory."""
    try:
        return [name for name in os.listdir(directory) if re.fullmatch(r"python\d+\.\d+", name)]
    except OSError:
        return []


def base_directories(prefix: str, version: str | None) -> Iterator[str]:
    """The same for an interpreter that is no virtual environment: its own, the distribution's, the user's."""
    yield from library_directories(prefix, version)
    if version and not ON_WINDOWS:
        yield f"/usr/local/lib/python{version}/dist-packages"
        yield os.path.join(prefix, "lib", "python3", "dist-packages")
        yield os.path.join(os.path.expanduser("~"), ".local", "lib", f"python{version}", "site-packages")


METADATA = re.compile(r"(torch|torchvision)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info", re.IGNORECASE)


def installed_versions(directories: Iterable[str]) -> Installed | None:
    """The versions of torch and torchvision, read off the names of their metadata; None if that is not clear."""
    found: dict[str, str] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        here: dict[str, set[str]] = {}
        for name in names:
            match = METADATA.fullmatch(name) if name[:5].lower() == "torch" else None
            if match:
                here.setdefault(match.group(1).lower(), set()).add(match.group(2))
        for library, versions in here.items():
            if len(versions) > 1 and library not in found:
                return None
            found.setdefault(library, *versions)
    return Installed(found["torch"], found["torchvision"]) if len(found) == len(LIBRARIES) else None
