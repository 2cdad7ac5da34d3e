"""Programs about detection models: predictors of the R-CNN family, and the heads of RetinaNet, FCOS and SSD."""

from __future__ import annotations

from differential.drawing import Draw
from differential.program import Program
from differential.writing import class_count, joined, laid_out

EVALUATE = "model.eval()\nwith torch.no_grad():\n    for images, targets in loader:\n        detections = model(images)"
PREDICT = (
    "params = [p for p in model.parameters() if p.requires_grad]\noptimizer = optim.SGD(params, lr=0.005)\nmodel.eval()\n"
    "predictions = model([torch.rand(3, 64, 64)])\nprint(predictions[0]['boxes'].shape)"
)
TRAIN = (
    "optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.005)\nmodel.train()\n"
    "for images, targets in loader:\n    losses = model(images, targets)\n    loss = sum(losses.values())\n"
    "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()"
)
FREEZES = [
    "",
    "for p in model.backbone.parameters():\n    p.requires_grad = False",
    "model.backbone.body.requires_grad_(False)",
    "for name, p in model.named_parameters():\n    if name.startswith('backbone'):\n        p.requires_grad = False",
]
RCNN = (
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "maskrcnn_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
)


def _builds(draw: Draw, name: str) -> str:
    return draw.pick(
        [
            f'models.detection.{name}(weights="DEFAULT")',
            f"models.detection.{name}(pretrained=True)",
            f'models.detection.{name}(weights=None, weights_backbone="DEFAULT")',
            f'models.get_model("{name}", weights="DEFAULT")',
        ],
    )


def _program(draw: Draw, name: str, imports: str, head: str, rest: str) -> Program:
    classes, define = class_count(draw)
    freeze = draw.pick(FREEZES)
    text = laid_out(
        draw,
        build=_builds(draw, name),
        surgery=joined(freeze, head).replace("@n", "num_classes"),
        rest=rest,
        classes=classes,
        define=define,
    )
    return Program(f"{imports}\n\n\n{text}", (3, 64, 64), (name,), targets="boxes")


def rcnn(draw: Draw) -> Program:
    """The predictors of Faster, Mask and Keypoint R-CNN."""
    name = draw.pick(RCNN)
    imports = "from torchvision.models.detection.faster_rcnn import FastRCNNPredictor"
    read = "in_features = model.roi_heads.box_predictor.cls_score.in_features\n"
    own = f"{read}model.roi_heads.box_predictor = FastRCNNPredictor(in_features, @n)"
    options = {
        "": own,
        "literal": "model.roi_heads.box_predictor = FastRCNNPredictor(1024, @n)",
        "both": "predictor = model.roi_heads.box_predictor\npredictor.cls_score = nn.Linear(1024, @n)\n"
        "predictor.bbox_pred = nn.Linear(1024, @n * 4)",
        "setattr": "setattr(model.roi_heads, 'box_predictor', FastRCNNPredictor(1024, num_classes=@n))",
        "kept": "heads = model.roi_heads\nwidth = heads.box_predictor.bbox_pred.in_features\n"
        "heads.box_predictor = FastRCNNPredictor(in_channels=width, num_classes=@n)",
        "HL107": f"{read}model.roi_heads.box_predictor.cls_score = nn.Linear(in_features, @n)",
        "HL107 linear": f"{read}model.roi_heads.box_predictor = nn.Linear(in_features, @n)",
        "HL101": f"{read}model.box_predictor = FastRCNNPredictor(in_features, @n)",
        "HL102": "model.roi_heads.box_predictor = FastRCNNPredictor(model.roi_heads.cls_score.in_features, @n)",
        "HL103": "model.roi_heads.box_predictor.cls_score.out_features = @n",
        "HL201": "model.roi_heads.box_predictor = FastRCNNPredictor(2048, @n)",
    }
    if name.startswith("maskrcnn"):
        imports += "\nfrom torchvision.models.detection.mask_rcnn import MaskRCNNPredictor"
        options["masks"] = (
            f"{own}\nhidden = model.roi_heads.mask_predictor.conv5_mask.in_channels\n"
            "model.roi_heads.mask_predictor = MaskRCNNPredictor(hidden, 256, @n)"
        )
        options["HL102 mask"] = (
            f"{own}\nhidden = model.roi_heads.mask_predictor.in_channels\n"
            "model.roi_heads.mask_predictor = MaskRCNNPredictor(hidden, 256, @n)"
        )
    if name.startswith("keypoint"):
        imports += "\nfrom torchvision.models.detection.keypoint_rcnn import KeypointRCNNPredictor"
        options["keypoints"] = (
            "width = model.roi_heads.keypoint_predictor.kps_score_lowres.in_channels\n"
            "model.roi_heads.keypoint_predictor = KeypointRCNNPredictor(width, 5)"
        )
    _, head = draw.named(options)
    return _program(draw, name, imports, head, draw.pick([EVALUATE, PREDICT]))


def retina(draw: Draw) -> Program:
    """RetinaNet, whose head has its count of classes twice."""
    name = draw.pick(["retinanet_resnet50_fpn"] * 4 + ["retinanet_resnet50_fpn_v2"])
    imports = "from torchvision.models.detection.retinanet import RetinaNetClassificationHead"
    part = "model.head.classification_head"
    _, head = draw.named(
        {
            "": f"anchors = {part}.num_anchors\n{part} = RetinaNetClassificationHead(256, anchors, @n)",
            "read": f"channels = model.backbone.out_channels\n"
            f"{part} = RetinaNetClassificationHead(channels, {part}.num_anchors, num_classes=@n)",
            "both": f"head = {part}\nhead.num_classes = @n\n"
            "head.cls_logits = nn.Conv2d(256, head.num_anchors * @n, kernel_size=3, padding=1)",
            "norm": f"{part} = RetinaNetClassificationHead(256, 9, @n, norm_layer=functools.partial(nn.GroupNorm, 32))",
            "HL107": f"head = {part}\nhead.cls_logits = nn.Conv2d(256, head.num_anchors * @n, kernel_size=3, padding=1)",
            "HL201": f"{part} = RetinaNetClassificationHead(512, 9, @n)",
            "HL101": "model.classification_head = RetinaNetClassificationHead(256, 9, @n)",
            "HL102": f"{part} = RetinaNetClassificationHead(256, model.head.num_anchors, @n)",
        },
    )
    return _program(draw, name, imports, head, draw.pick([EVALUATE, PREDICT, TRAIN]))


def one_stage(draw: Draw) -> Program:
    """FCOS and SSDlite."""
    name = draw.pick(["fcos_resnet50_fpn", "ssdlite320_mobilenet_v3_large"])
    part = "model.head.classification_head"
    if name.startswith("fcos"):
        imports = "from torchvision.models.detection.fcos import FCOSClassificationHead"
        options = {
            "": f"{part} = FCOSClassificationHead(256, {part}.num_anchors, @n)",
            "layer": f"{part}.num_classes = @n\n{part}.cls_logits = nn.Conv2d(256, @n, kernel_size=3, padding=1)",
        }
    else:
        imports = (
            "from torchvision.models.detection.ssdlite import SSDLiteClassificationHead\n"
            "from torchvision.models.detection import _utils as det_utils"
        )
        options = {
            "": "channels = det_utils.retrieve_out_channels(model.backbone, (320, 320))\n"
            "anchors = model.anchor_generator.num_anchors_per_location()\n"
            f"norm = functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)\n"
            f"{part} = SSDLiteClassificationHead(channels, anchors, @n, norm)",
        }
    _, head = draw.named(options)
    return _program(draw, name, imports, head, draw.pick([EVALUATE, PREDICT, TRAIN]))


STYLES = {"detection": rcnn, "retina": retina, "one_stage": one_stage}
