"""Which files concern headlint at all: the one question that every linted file pays for. Imports nothing."""


def concerns(text: str) -> bool:
    """Whether `text` can build a torchvision model: it names the package's models, or the hub's repository."""
    return ("torchvision" in text and "models" in text) or "pytorch/vision" in text
