"""Which files concern headlint at all: the one question that every linted file pays for. Imports next to nothing."""


def concerns(text: str) -> bool:
    """Whether `text` can build a torchvision model: it comes by the package's models, or asks the hub for them."""
    return (("torchvision" in text and "models" in text) or "pytorch/vision" in text) and _has_way(text)


def _has_way(text: str) -> bool:
    """The same for a text that has the words, which stand in comments, or beside `torchvision.transforms`, as often."""
    import re  # only few files come here

    # No code is in a line of comment; nor does one in a string of several lines import anything.
    code = re.sub(r"(?m)^[ \t]*#.*", "", text).replace("\\\r\n", " ").replace("\\\n", " ")
    if re.search(_WAY, code) is not None:
        return True
    if "import_module" in code and re.search("[\"']torchvision", code) is not None:
        return True
    packages: set[str] = set()
    for names in re.findall(r"\bimport\b(.*\btorchvision\b.*)", code):
        for path, known_as in re.findall(_PACKAGE, names):
            if not (path and known_as):
                packages.add(known_as or "torchvision")
    behind = re.sub(_IMPORTS, "", code)
    return any(re.search(rf"(?<![\"'.])\b{name}\b{_ITS_MODELS}", behind) is not None for name in packages)


_WAY = r"""(?x)
    \bfrom \s+ torchvision \s*\.\s* models \b (?! \s*\.\s* (?: _?utils | feature_extraction) \b )
  | \bfrom \s+ torchvision \s+ import \b \s* (?: \( (?: [^)\#] | \#.* ){0,2000}? | [^\n(]*? ) (?: \bmodels\b | \* )
  | \bimport \b .* \b torchvision \s*\.\s* models \b
  | ["'] pytorch/vision
"""
# The package in a list of imports, with what is imported of it and its name.
_PACKAGE = r"\btorchvision\b((?:\s*\.\s*\w+)*)(?:\s+as\s+(\w+))?"
_IMPORTS = r"(?m)^[ \t]*(?:import|from)\b[^;\n]*"
# What stands behind a package whose models are used, or that is handed on as a whole.
_ITS_MODELS = r"(?:\s*\.\s*(?:models|__dict__)\b|[ \t]*(?:[^ \t.\w]|$))"
