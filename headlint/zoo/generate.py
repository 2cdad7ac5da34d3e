"""Write the data of the zoo, and the table of `torch.nn`, from the installed torch and torchvision.

    python -m headlint.zoo.generate [BUILDER ...]

Takes about a quarter of an hour, downloads nothing and gives the same bytes every time. With builders named, the
data holds these only: for working on the generator.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from headlint.torchlib.layers import FILE as LAYERS_FILE
from headlint.zoo.archive import FILE
from headlint.zoo.generator.offline import load_torchvision


def main(names: list[str]) -> None:
    """Write the shipped files, telling on standard error how far it is."""
    torch.set_num_threads(1)
    load_torchvision()
    from torchvision.models import list_models

    from headlint.zoo.generator.layers import layer_table
    from headlint.zoo.generator.whole import assemble, gather

    gathered = []
    chosen = names or list_models()
    for count, name in enumerate(chosen, 1):
        started = time.monotonic()
        gathered.append(gather(name))
        print(f"{count}/{len(chosen)} {name} {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    data = assemble(gathered)
    Path(FILE).write_bytes(data)
    Path(LAYERS_FILE).write_text(layer_table(), encoding="utf-8")
    print(f"{FILE}: {len(data)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
