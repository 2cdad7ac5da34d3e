"""The worker: the process that has torch. It replays recipes on real models and says what happened.

The user's Python (3.8 or newer) runs it as `python -I worker/__main__.py [DIRECTORY] [--in-process]`. Its modules
import each other and nothing else of headlint, and torch comes in only when the process serves. One line of JSON in,
one line of JSON out:

    -> {"hello": 1, "python": "3.11.7", "torch": "2.13.0", "torchvision": "0.28.0"}   or {"unavailable": "..."}
    <- {"id": 1, "recipe": {...}, "timeout": 30.0, "memory": 2147483648}
    -> {"id": 1, "observation": {...}}             or {"id": 1, "failed": "...", "kind": "memory"}

A recipe names torchvision builders, `torch.nn` layers and functions of torch from closed lists and gives them plain
values. It is read as data: what is not on the lists is refused before anything runs.
"""

from __future__ import annotations

WORKER_VERSION = 1
