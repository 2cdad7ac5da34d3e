"""Ways to freeze and to unfreeze, right and wrong, as lines of code; `@m` stands for the model, `@H` for its head."""

from __future__ import annotations

from differential.architectures import Architecture


def _root(part: str) -> str:
    """The child of the model that a part is, or stands in."""
    return part.partition("[")[0].partition(".")[0]


def _key(part: str) -> str:
    """How the names of the parameters of a part begin."""
    return part.replace("[", ".").replace("]", "")


def before_the_head(one: Architecture) -> dict[str, str]:
    """Freezing that is right in front of the replacement of the head."""
    part = one.parts[0]
    last = one.parts[-1]
    found = {
        "loop": "for param in @m.parameters():\n    param.requires_grad = False",
        "call": "@m.requires_grad_(False)",
        "method": "for p in @m.parameters():\n    p.requires_grad_(False)",
        "helper": "set_parameter_requires_grad(@m, True)",
        "under_if": "if FEATURE_EXTRACT:\n    for param in @m.parameters():\n        param.requires_grad = False",
        "part": f"for param in @m.{part}.parameters():\n    param.requires_grad = False",
        "part_call": f"@m.{last}.requires_grad_(False)",
        "children": "for child in list(@m.children())[:2]:\n    for param in child.parameters():\n        param.requires_grad = False",
        "children_all": "for child in @m.children():\n    for param in child.parameters():\n        param.requires_grad = False",
        "counter": "count = 0\nfor child in @m.children():\n    count += 1\n    if count < 2:\n        for param in child.parameters():\n            param.requires_grad = False",
        "enumerate": "for index, (name, param) in enumerate(@m.named_parameters()):\n    if index < 6:\n        param.requires_grad = False",
        "slice": "for param in list(@m.parameters())[:-4]:\n    param.requires_grad = False",
        "setattr": "for param in @m.parameters():\n    setattr(param, 'requires_grad', False)",
        "modules": "for module in @m.modules():\n    for param in module.parameters(recurse=False):\n        param.requires_grad = False",
        "names": f"for name, param in @m.named_parameters():\n    if name.startswith('{part.partition('[')[0]}'):\n        param.requires_grad = False",
        "unfreeze_part": f"for param in @m.parameters():\n    param.requires_grad = False\nfor param in @m.{last}.parameters():\n    param.requires_grad = True",
        "map": "for param in filter(lambda p: p.requires_grad, @m.parameters()):\n    param.requires_grad = False",
        "prefixes": f"for name, param in @m.named_parameters():\n    if name.startswith(('{_key(part)}', '{_key(last)}')):\n        param.requires_grad = False",
        "named_children": f"for name, child in @m.named_children():\n    if name in ['{_root(part)}', '{_root(last)}']:\n        for param in child.parameters():\n            param.requires_grad = False",
        "until": f"frozen = True\nfor name, child in @m.named_children():\n    if name == '{_root(last)}':\n        frozen = False\n    for param in child.parameters():\n        param.requires_grad = not frozen",
        "children_calls": "for child in list(@m.children())[:-2]:\n    child.requires_grad_(False)",
        "by_kind": "for module in @m.modules():\n    if isinstance(module, nn.Conv2d):\n        for param in module.parameters():\n            param.requires_grad = False",
        "by_rank": "for p in @m.parameters():\n    if p.dim() == 1:\n        p.requires_grad = False",
        "while": "params = list(@m.parameters())\nwhile len(params) > 4:\n    params.pop(0).requires_grad = False",
        "comprehension": "[p.requires_grad_(False) for p in @m.parameters()]",
        "dict": "params = dict(@m.named_parameters())\nfor name in params:\n    params[name].requires_grad = False",
        "ratio": "params = list(@m.parameters())\nfor p in params[: int(len(params) * 0.7)]:\n    p.requires_grad = False",
        "freeze_until": f"freeze_until(@m, '{_key(last)}')",
        "apply": "@m.apply(freeze_layer)",
        "regex": f"for name, p in @m.named_parameters():\n    if re.match(r'{_root(part)}\\.', name):\n        p.requires_grad = False",
        "partly": f"@m.requires_grad_(False)\n@m.{last}.requires_grad_(True)\nfor module in @m.{last}.modules():\n    if isinstance(module, nn.BatchNorm2d):\n        module.requires_grad_(False)",
        "none": "",
    }
    if one.frozen_test:
        found["test"] = (
            f"for name, param in @m.named_parameters():\n    if '{one.frozen_test}' not in name:\n        param.requires_grad = False"
        )
        found["assigned_test"] = (
            f"for name, param in @m.named_parameters():\n    param.requires_grad = '{one.frozen_test}' in name"
        )
    return found


def behind_the_head(one: Architecture) -> dict[str, str]:
    """Freezing that is right behind the replacement of the head."""
    root = one.name.partition(".")[0]
    part = one.parts[0]
    return {
        "then_head": "for param in @m.parameters():\n    param.requires_grad = False\nfor param in @m@H.parameters():\n    param.requires_grad = True",
        "then_head_call": "@m.requires_grad_(False)\n@m@H.requires_grad_(True)",
        "by_name": f"for name, param in @m.named_parameters():\n    if not name.startswith('{root}'):\n        param.requires_grad = False",
        "by_name_assigned": f"for name, param in @m.named_parameters():\n    param.requires_grad = name.startswith('{one.name}')",
        "any": f"for name, param in @m.named_parameters():\n    param.requires_grad = any(key in name for key in ['{one.name}'])",
        "part": f"for param in @m.{part}.parameters():\n    param.requires_grad = False",
        "identity": "head_ids = {id(p) for p in @m@H.parameters()}\nfor p in @m.parameters():\n    if id(p) not in head_ids:\n        p.requires_grad = False",
        "last_two": "for p in @m.parameters():\n    p.requires_grad = False\nfor p in list(@m.parameters())[-2:]:\n    p.requires_grad = True",
        "submodule": f"@m.requires_grad_(False)\n@m.get_submodule('{one.name.rpartition('.')[0] or one.name}').requires_grad_(True)",
        "names_set": f"trainable = {{n for n, _ in @m.named_parameters() if n.startswith('{root}')}}\nfor name, p in @m.named_parameters():\n    p.requires_grad = name in trainable",
        "not_any": f"for name, p in @m.named_parameters():\n    if not any(name.startswith(key) for key in ('{root}', 'new_head')):\n        p.requires_grad = False",
        "toggled": "set_trainable(@m, False)\nset_trainable(@m@H, True)",
        "continue": f"for name, param in @m.named_parameters():\n    if '{one.name}' in name:\n        continue\n    param.requires_grad = False",
        "none": "",
    }


def wrong_before(one: Architecture) -> dict[str, str]:
    """Mistakes in front of the replacement of the head."""
    part = one.parts[0]
    found = {
        "HL302 loop": "for param in @m@H.parameters():\n    param.requires_grad = False",
        "HL302 call": "@m@H.requires_grad_(False)",
        "HL302 two lines": "head = @m@H\nfor p in head.parameters():\n    p.requires_grad_(False)",
        "HL302 helper": "set_trainable(@m@H, False)",
        "HL302 comprehension": "[p.requires_grad_(False) for p in @m@H.parameters()]",
        "HL302 names": (
            f"for name, p in @m.named_parameters():\n    if name.startswith('{one.name}.'):\n        p.requires_grad = False"
        ),
        "HL304 loop": "for param in @m.parameters():\n    param.require_grad = False",
        "HL304 part": f"for param in @m.{part}.parameters():\n    param.required_grad = False",
        "HL304 setattr": "for param in @m.parameters():\n    setattr(param, 'requires_grads', False)",
        "HL304 method": "for p in @m.parameters():\n    p.requires_grad_ = False",
        "HL303": "@m.requires_grad = False",
        "HL303 part": f"@m.{part}.requires_grad = False",
        "HL303 again": f"for p in @m.parameters():\n    p.requires_grad = False\n@m.{part}.requires_grad = True",
        "HL303 method": "@m.requires_grad_ = False",
        "HL308 startswith": "for name, param in @m.named_parameters():\n    if name.startswith('base_model.'):\n        param.requires_grad = False",
        "HL308 in front": "for n, p in @m.named_parameters():\n    if 'encoder.blocks.0' in n or 'stem_conv' in n:\n        p.requires_grad = False",
        "HL308 nothing": "for name, param in @m.named_parameters():\n    if 'backbone' in name:\n        param.requires_grad = False",
        "HL312": "freeze_backbone(@m)",
        "HL312 part": f"freeze_backbone(@m.{one.parts[-1]})",
        "HL312 parts": f"for part in (@m.{part}, @m.{one.parts[-1]}):\n    freeze_backbone(part)",
    }
    if one.batch_norm:
        found["HL308 norms"] = (
            "for name, param in @m.named_parameters():\n    if 'bn' in name:\n        param.requires_grad = False"
        )
    return found


def wrong_behind(one: Architecture) -> dict[str, str]:
    """Mistakes behind the replacement of the head."""
    found = {
        "HL301 loop": "for param in @m.parameters():\n    param.requires_grad = False",
        "HL301 call": "@m.requires_grad_(False)",
        "HL301 helper": "set_parameter_requires_grad(@m, True)",
        "HL301 children": "for child in @m.children():\n    for p in child.parameters():\n        p.requires_grad = False",
        "HL301 comprehension": "[p.requires_grad_(False) for p in @m.parameters()]",
        "HL301 dict": "params = dict(@m.named_parameters())\nfor name in params:\n    params[name].requires_grad = False",
        "HL301 toggled": "set_trainable(@m, False)",
        "HL301 apply": "@m.apply(freeze_layer)",
        "HL301 head": "for p in @m@H.parameters():\n    p.requires_grad = False",
        "HL301 modules": "for module in @m.modules():\n    for p in module.parameters(recurse=False):\n        p.requires_grad = False",
        "HL301 names": "for name, p in @m.named_parameters():\n    p.requires_grad = False",
        "HL306 loop": "for p in @m.parameters():\n    p.requires_grad = False",
        "HL306 call": "@m.requires_grad_(False)",
        "HL306 toggled": "set_trainable(@m, False)",
        "HL306 children": "for child in @m.children():\n    child.requires_grad_(False)",
        "HL306 helper": "set_parameter_requires_grad(@m, True)",
        "HL303 head": "for p in @m.parameters():\n    p.requires_grad = False\n@m@H.requires_grad = True",
        "HL304 head": "for p in @m.parameters():\n    p.requires_grad = False\nfor p in @m@H.parameters():\n    p.require_grad = True",
        "HL308 head": "for p in @m.parameters():\n    p.requires_grad = False\nfor name, p in @m.named_parameters():\n    if 'output' in name:\n        p.requires_grad = True",
    }
    other = "classifier" if one.name.startswith("fc") else "fc"
    found["HL308 other head"] = (
        "for p in @m.parameters():\n    p.requires_grad = False\n"
        f"for name, p in @m.named_parameters():\n    if '{other}' in name:\n        p.requires_grad = True"
    )
    if other not in one.name:
        found["HL308 all but"] = (
            f"for name, p in @m.named_parameters():\n    if '{other}' not in name:\n        p.requires_grad = False"
        )
    return found
