"""Ways to train: optimizers, loops, evaluation, as lines of code.

`@m` stands for the model, `@H` for its head, `@c` for what is called (the model, or the module around it).
"""

from __future__ import annotations

from differential.architectures import Architecture


def optimizers(one: Architecture) -> dict[str, str]:
    """Optimizers that are right behind everything else."""
    part = one.parts[-1]
    return {
        "all": "optimizer = optim.SGD(@c.parameters(), lr=0.01, momentum=0.9)",
        "adam": "optimizer = optim.Adam(@c.parameters(), lr=1e-4)",
        "adamw": "optimizer = torch.optim.AdamW(params=@c.parameters(), lr=1e-4, weight_decay=0.01)",
        "filter": "optimizer = optim.Adam(filter(lambda p: p.requires_grad, @c.parameters()), lr=1e-3)",
        "list": "params_to_update = [p for p in @c.parameters() if p.requires_grad]\noptimizer = optim.SGD(params_to_update, lr=0.001)",
        "named": (
            "params_to_update = []\nfor name, param in @c.named_parameters():\n    if param.requires_grad:\n"
            "        params_to_update.append(param)\noptimizer = optim.SGD(params_to_update, lr=0.001, momentum=0.9)"
        ),
        "generator": "optimizer = optim.RMSprop((p for p in @c.parameters() if p.requires_grad), lr=1e-4)",
        "trainable_groups": "optimizer = optim.AdamW([{'params': [p for p in @c.parameters() if p.requires_grad], 'lr': 1e-3}])",
        "scheduled": (
            "optimizer = optim.SGD(@c.parameters(), lr=0.01)\n"
            "scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)"
        ),
        "groups": (
            "head_ids = list(map(id, @m@H.parameters()))\n"
            "base_params = filter(lambda p: id(p) not in head_ids, @c.parameters())\n"
            "optimizer = optim.SGD([\n    {'params': base_params},\n    {'params': @m@H.parameters(), 'lr': 1e-2},\n], lr=1e-3)"
        ),
        "head": "optimizer = optim.Adam(@m@H.parameters(), lr=1e-3)",
        "added": (
            f"optimizer = optim.Adam(@m@H.parameters(), lr=1e-3)\n"
            f"optimizer.add_param_group({{'params': @m.{part}.parameters(), 'lr': 1e-5}})"
        ),
        "two_parts": (
            f"optimizer = optim.Adam([\n    {{'params': @m.{part}.parameters(), 'lr': 1e-5}},\n"
            "    {'params': @m@H.parameters(), 'lr': 1e-3},\n])"
        ),
        "layerwise": (
            "groups = []\nfor index, (name, child) in enumerate(@c.named_children()):\n"
            "    groups.append({'params': child.parameters(), 'lr': 1e-3 * 0.5**index})\n"
            "optimizer = optim.AdamW(groups, lr=1e-3)"
        ),
        "per_parameter": (
            f"optimizer = optim.SGD(\n    [{{'params': [p], 'lr': 1e-2 if '{one.name}' in n else 1e-3}} for n, p in @c.named_parameters()],\n"
            "    lr=1e-3,\n)"
        ),
        "split": (
            f"head = [p for n, p in @c.named_parameters() if '{one.name}' in n]\n"
            f"rest = [p for n, p in @c.named_parameters() if '{one.name}' not in n]\n"
            "optimizer = optim.Adam([{'params': rest, 'lr': 1e-5}, {'params': head}], lr=1e-3)"
        ),
        "kinds": "kinds = {'sgd': optim.SGD, 'adam': optim.Adam}\noptimizer = kinds['adam'](@c.parameters(), lr=1e-3)",
        "getattr": "optimizer = getattr(optim, 'AdamW')(@c.parameters(), lr=1e-3)",
        "chain": (f"optimizer = optim.SGD(itertools.chain(@m@H.parameters(), @m.{part}.parameters()), lr=1e-3)"),
    }


NEED_THE_HEAD = ("groups", "head", "added", "two_parts", "split", "chain")


def wrong_optimizers(one: Architecture) -> dict[str, str]:
    """Optimizers that refuse what they are given."""
    part = one.parts[-1]
    found = {
        "HL313 overlap": (
            "optimizer = optim.SGD([\n    {'params': @c.parameters()},\n    {'params': @m@H.parameters(), 'lr': 1e-2},\n], lr=1e-3)"
        ),
        "HL313 part": (
            f"optimizer = optim.AdamW([{{'params': @m.{part}.parameters(), 'lr': 1e-5}}, {{'params': @c.parameters()}}], lr=1e-3)"
        ),
        "HL313 lists": (
            f"late = [p for n, p in @c.named_parameters() if '{one.name}' in n]\nrest = [p for p in @c.parameters()]\n"
            "optimizer = optim.Adam([{'params': rest, 'lr': 1e-5}, {'params': late}], lr=1e-3)"
        ),
        "HL313 appended": (
            "groups = [{'params': @m@H.parameters(), 'lr': 1e-2}]\n"
            "groups.append({'params': [p for p in @c.parameters() if p.requires_grad]})\noptimizer = optim.SGD(groups, lr=1e-3)"
        ),
        "HL313 run through": (
            "params = filter(lambda p: p.requires_grad, @c.parameters())\nprint(sum(p.numel() for p in params))\n"
            "optimizer = optim.Adam(params, lr=1e-3)"
        ),
        "HL313 all run through": (
            "params = @c.parameters()\nfor p in params:\n    p.requires_grad = True\noptimizer = optim.Adam(params, lr=1e-3)"
        ),
        "HL313 head run through": (
            "head_params = @m@H.parameters()\ncount = sum(p.numel() for p in head_params)\n"
            "optimizer = optim.RMSprop(head_params, lr=1e-3)"
        ),
        "HL313 listed": (
            "params = (p for p in @c.parameters() if p.requires_grad)\nprint(len(list(params)), 'tensors')\n"
            "optimizer = optim.SGD(params, lr=1e-3, momentum=0.9)"
        ),
    }
    if one.whole:
        found["HL313 inside"] = (
            f"optimizer = optim.Adam([\n    {{'params': @m.{one.whole}.parameters(), 'lr': 1e-4}},\n"
            "    {'params': @m@H.parameters(), 'lr': 1e-3},\n])"
        )
    return found


LOOPS = {
    "plain": """\
@c.train()
for epoch in range(EPOCHS):
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        outputs = @c(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
""",
    "phases": """\
for epoch in range(EPOCHS):
    for phase in ['train', 'val']:
        if phase == 'train':
            @c.train()
        else:
            @c.eval()
        for inputs, labels in loader:
            inputs = inputs.to(device)
            labels = labels.to(device)
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == 'train'):
                outputs = @c(inputs)
                _, preds = torch.max(outputs, 1)
                loss = criterion(outputs, labels)
                if phase == 'train':
                    loss.backward()
                    optimizer.step()
""",
    "counted": """\
for epoch in range(EPOCHS):
    @c.train()
    running = 0.0
    for index, (x, y) in enumerate(loader):
        logits = @c(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
        if index % 10 == 0:
            print(epoch, index, running)
    @c.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (@c(x).argmax(dim=1) == y).sum().item()
""",
    "clipped": """\
@c.train()
for images, labels in loader:
    preds = @c(images.to(device))
    loss = criterion(preds, labels.to(device))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(@c.parameters(), 1.0)
    optimizer.step()
""",
    "one_batch": """\
images, labels = next(iter(loader))
loss = criterion(@c(images), labels)
loss.backward()
optimizer.step()
""",
    "deepcopy": """\
best = copy.deepcopy(@c.state_dict())
for epoch in range(EPOCHS):
    @c.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
    if loss.item() < 1e9:
        best = copy.deepcopy(@c.state_dict())
@c.load_state_dict(best)
""",
    "ema": """\
average = copy.deepcopy(@c)
average.requires_grad_(False)
average.eval()
@c.train()
for images, labels in loader:
    loss = criterion(@c(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), @c.parameters()):
            slow.mul_(0.99).add_(fast, alpha=0.01)
average(images)
""",
    "accumulated": """\
@c.train()
optimizer.zero_grad()
for step, (images, labels) in enumerate(loader, start=1):
    loss = criterion(@c(images), labels) / 4
    loss.backward()
    if step % 4 == 0 or step == len(loader):
        optimizer.step()
        optimizer.zero_grad()
""",
    "parallel": """\
parallel = nn.DataParallel(@c)
parallel.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(parallel(images), labels)
    loss.backward()
    optimizer.step()
torch.save(parallel.module.state_dict(), 'model.pth')
""",
    "compiled": """\
fast = torch.compile(@c)
fast.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(fast(images), labels)
    loss.backward()
    optimizer.step()
""",
    "mixed": """\
scaler = torch.amp.GradScaler(enabled=False)
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    with torch.autocast('cpu', enabled=False):
        loss = criterion(@c(images), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
""",
    "closure": """\
@c.train()
for images, labels in loader:
    def closure():
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        return loss
    optimizer.step(closure)
""",
    "mixup": """\
@c.train()
for images, labels in loader:
    other = labels.flip(0)
    mixed = 0.7 * images + 0.3 * images.flip(0)
    outputs = @c(mixed)
    loss = 0.7 * criterion(outputs, labels) + 0.3 * criterion(outputs, other)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "while": """\
epoch = 0
while epoch < EPOCHS:
    @c.train()
    for images, labels in loader:
        optimizer.zero_grad()
        logits = @c(images)
        probabilities = torch.softmax(logits, dim=1)
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        print(probabilities.max())
    epoch += 1
""",
    "hooked": """\
seen = {}
handle = @m.@P.register_forward_hook(lambda module, given, result: seen.update(shape=result.shape))
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(@c(images), labels)
    loss.backward()
    optimizer.step()
handle.remove()
""",
}

SOFTMAXES = {
    "torch": "torch.softmax(@c(images), dim=1)",
    "function": "F.softmax(@c(images), dim=-1)",
    "method": "@c(images).softmax(1)",
    "layer": "nn.Softmax(dim=1)(@c(images))",
}

WRONG_LOOPS = {
    "HL401 between": """\
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    outputs = @S
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
""",
    "HL314": """\
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    with torch.no_grad():
        outputs = @c(images)
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
""",
    "HL307": """\
for epoch in range(2):
    @c.train()
    if epoch == 1:
        for param in @m.@P.parameters():
            param.requires_grad = True
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
""",
    "HL314 enabled": """\
@c.train()
for images, labels in loader:
    with torch.set_grad_enabled(False):
        outputs = @c(images)
    loss = criterion(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "HL314 decorated": """\
@torch.no_grad()
def predict(net, batch):
    return net(batch)

@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(predict(@c, images), labels)
    loss.backward()
    optimizer.step()
""",
    "HL314 inference": """\
for epoch in range(EPOCHS):
    @c.train()
    for batch, (images, labels) in enumerate(loader):
        with torch.inference_mode():
            logits = @c(images.to(device))
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
""",
    "HL314 phases": """\
for phase in ['train', 'val']:
    @c.train() if phase == 'train' else @c.eval()
    for images, labels in loader:
        optimizer.zero_grad()
        with torch.set_grad_enabled(phase == 'val'):
            outputs = @c(images)
            loss = criterion(outputs, labels)
        if phase == 'train':
            loss.backward()
            optimizer.step()
""",
    "HL307 between": """\
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(@c(images), labels)
    loss.backward()
    optimizer.step()
@m.@P.requires_grad_(True)
for epoch in range(EPOCHS):
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
""",
    "HL307 all": """\
for epoch in range(3):
    if epoch == 2:
        for param in @m.parameters():
            param.requires_grad = True
    @c.train()
    for images, labels in loader:
        loss = criterion(@c(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
    "HL401 probabilities": """\
@c.train()
for images, labels in loader:
    optimizer.zero_grad()
    probabilities = @S
    predictions = probabilities.argmax(dim=1)
    loss = F.cross_entropy(probabilities, labels)
    loss.backward()
    optimizer.step()
""",
}
SLEEP = """\
for module in @c.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.eval()
"""
WRONG_NORMS = {
    "HL311": f"""\
{SLEEP}for epoch in range(EPOCHS):
    @c.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
""",
    "HL311 apply": """\
def put_to_sleep(module):
    if isinstance(module, nn.BatchNorm2d):
        module.eval()
@c.apply(put_to_sleep)
@c.train()
for images, labels in loader:
    loss = criterion(@c(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "HL311 while": f"""\
@c.train()
{SLEEP}step = 0
while step < 2:
    @c.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
    step += 1
""",
    "HL311 by name": """\
for name, module in @c.named_modules():
    if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
        module.eval()
@c.train(True)
for images, labels in loader:
    loss = criterion(@c(images.to(device)), labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "HL311 function": """\
def fit(net):
    net.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(images), labels)
        loss.backward()
        optimizer.step()

for module in @c.modules():
    if module.__class__.__name__.startswith('BatchNorm'):
        module.eval()
fit(@c)
""",
    "HL311 behind evaluation": f"""\
@c.train()
{SLEEP}for epoch in range(2):
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
    @c.eval()
    with torch.no_grad():
        for images, labels in loader:
            print(criterion(@c(images), labels).item())
    @c.train()
""",
}


def wrong_loops(one: Architecture) -> dict[str, str]:
    """Loops that are mistakes; those about BatchNorms where the model has any."""
    if one.builder == "inception_v3":
        # Its loops have two outputs.
        return {}
    return WRONG_LOOPS | (WRONG_NORMS if one.batch_norm and one.task != "video" else {})


WRONG_ENDINGS = {
    "HL404": "restored = @c.load_state_dict(torch.load('model.pth'))\nrestored.eval()",
    "HL404 chained": "@c.load_state_dict(torch.load('model.pth', map_location='cpu')).eval()",
    "HL404 called": "restored = @c.load_state_dict(torch.load('model.pth'), strict=False)\nprint(restored(next(iter(loader))[0]))",
}

RIGHT_NORMS = """\
for epoch in range(EPOCHS):
    @c.train()
    for module in @c.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
"""

RIGHT_LATER = """\
for epoch in range(2):
    @c.train()
    if epoch == 1:
        for param in @m.@P.parameters():
            param.requires_grad = True
        optimizer.add_param_group({'params': @m.@P.parameters(), 'lr': 1e-5})
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
"""

RIGHT_REBUILT = """\
for epoch in range(2):
    @c.train()
    if epoch == 1:
        @m.@P.requires_grad_(True)
        optimizer = optim.SGD([p for p in @c.parameters() if p.requires_grad], lr=1e-4)
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
"""

RIGHT_GRADUAL = """\
blocks = list(@m.children())
for epoch in range(3):
    if epoch:
        for param in blocks[-1 - epoch].parameters():
            param.requires_grad = True
    @c.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(@c(images), labels)
        loss.backward()
        optimizer.step()
"""

ENDINGS = {
    "copy": "clone = copy.deepcopy(@c)\nclone.eval()\nwith torch.no_grad():\n    print(clone(next(iter(loader))[0]).shape)",
    "round_trip": "state = {name: value.cpu() for name, value in @c.state_dict().items()}\n@c.load_state_dict(state)",
    "partial_state": "state = {k: v for k, v in @c.state_dict().items() if 'head' not in k}\n@c.load_state_dict(state, strict=False)",
    "feature_copy": "extractor = copy.deepcopy(@m)\nextractor@H = nn.Identity()\nextractor.eval()",
    "head_again": "@m@H = nn.Identity()\n@c.eval()\ntorch.save(@c.state_dict(), 'backbone.pth')",
    "deployed": "deployed = nn.Sequential(@c, nn.Softmax(dim=1))\ndeployed.eval()\nprint(deployed(next(iter(loader))[0]).argmax(1))",
    "nothing": "",
    "save": "torch.save(@c.state_dict(), 'model.pth')",
    "predict": "@c.eval()\nwith torch.no_grad():\n    for images, _ in loader:\n        probabilities = torch.softmax(@c(images), dim=1)",
    "freeze_for_export": "@c.eval()\nfor p in @c.parameters():\n    p.requires_grad = False\ntorch.save(@c, 'whole.pth')",
    "features": "@m@H = nn.Identity()\n@c.eval()\nwith torch.no_grad():\n    embedding = @c(next(iter(loader))[0])",
    "count": "trainable = sum(p.numel() for p in @c.parameters() if p.requires_grad)\nprint(f'{trainable:,} parameters train')",
    "reload": "@c.load_state_dict(torch.load('model.pth', map_location='cpu'))\n@c.eval()",
}
