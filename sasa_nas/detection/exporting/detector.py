"""Texts, outputs and files of detectors in exports."""

from sasa_nas.detection.description import Detector
from sasa_nas.detection.exporting.config import check_detector_config, detector_config
from sasa_nas.detection.exporting.module_file import PUBLIC, detector_source
from sasa_nas.detection.exporting.network import anchors_of_levels, for_inference, outputs, reference
from sasa_nas.detection.network.letterbox import PIXEL_MEAN, PIXEL_STD
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.task_export import Metric, TaskExport, Usage

_MODULE = """\
import torch
from model import load

network = load()
image = torch.randint(256, (3, 480, 640), dtype=torch.uint8)  # red, green and blue, of any size
found = network.detect(image, score_threshold=0.05)
for box, score, name in zip(found.boxes.tolist(), found.scores.tolist(), found.names):
    print(name, score, box)  # left, top, right and bottom in the image's pixels
"""

_MODULE_NOTE = """\
Run it in this folder, or rename the folder to a Python identifier and `from that_name import load` beside it.
`network.letterbox(image)` is the preprocessing alone. `network(images)` takes images of `{shape}` and returns boxes,
scores, and the raw logits and offsets of each level; `network.select` chooses among the boxes of one image.
"""

_PROGRAM = """\
import torch

network = torch.export.load("model.pt2").module()
images = torch.rand({shape})  # letterboxed and standardised as below
with torch.no_grad():
    boxes, scores, logits, offsets = network(images)
print(boxes.shape, scores.shape)
"""

_ONNX = """\
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = numpy.random.rand({shape}).astype(numpy.float32)  # letterboxed and standardised as below
boxes, scores = session.run(["boxes", "scores"], {{"images": images}})
print(boxes.shape, scores.shape)
"""

_PREPROCESSING = """\
An image is red, green and blue in [0, 1], standardised channel by channel as `(pixels - mean) / std` (mean {mean}; \
std {std}). Then it is scaled by `min({height} / h, {width} / w)`, bilinearly and without aliases (as \
`antialias=True` of torch and as PIL do it), to whole pixels, and put at the upper left of {height} x {width} zeros: \
the picture. `letterbox` in `model.py` does it; `detect` does it and what follows.

## Postprocessing

Files give `boxes` (images, {anchors:,}, 4): left, top, right and bottom in pixels of the letterbox; `scores` (images, \
{anchors:,}, {classes}): the probability of each class, independent of the others; and what they are made of, `logits` \
and `offsets` of each level: {levels} anchors. To get objects of them, as `detect` does:

1. Keep, level by level, the pairs of an anchor and a class with a score above {score:g}, at most the best \
{candidates:,}.
2. Cut their boxes at the edges of the picture.
3. Suppress duplicates class by class where intersection over union is above {overlap:g} \
(`torchvision.ops.batched_nms`, ONNX's `NonMaxSuppression`), and keep the best {detections}.
4. Divide by the picture's height and width, and multiply by the image's.

A class is an index into `label_names` of `config.json`{numbers}."""


def _summary(detector: Detector) -> str:
    image = detector.backbone.image
    return (
        f"A detector of objects of {detector.num_classes} classes (RetinaNet) for images fitted into "
        f"3 x {image.height} x {image.width}"
    )


def _metrics(card: ModelCard) -> list[Metric]:
    values = (("Average precision", "mean_average_precision", card.ap), ("AP at overlap 0.5", "AP50", card.ap50))
    return [
        Metric(f"{title} (validation)", kind, "validation", value) for title, kind, value in values if value is not None
    ]


def _processing(card: ModelCard, detector: Detector) -> str:
    facts = detector_config(card, detector)
    levels, choice = anchors_of_levels(detector), facts["detection"]
    return _PREPROCESSING.format(
        mean=", ".join(map(str, PIXEL_MEAN)),
        std=", ".join(map(str, PIXEL_STD)),
        height=detector.backbone.image.height,
        width=detector.backbone.image.width,
        anchors=sum(levels.values()),
        classes=detector.num_classes,
        levels=", ".join(f"{name} {count:,}" for name, count in levels.items()),
        score=choice["score_threshold"],
        candidates=choice["candidates_per_level"],
        overlap=choice["nms_threshold"],
        detections=choice["detections_per_image"],
        numbers=", and into `category_ids` for the data set's own number" if card.category_ids is not None else "",
    )


EXPORT = TaskExport(
    pipeline="object-detection",
    public=PUBLIC,
    difference="a box's edge in units of the image's larger side, a score, or a raw output",
    source=detector_source,
    prepare=for_inference,
    reference=reference,
    outputs=outputs,
    config=detector_config,
    check_config=check_detector_config,
    summary=_summary,
    metrics=_metrics,
    preprocessing=_processing,
    usages={
        "module": Usage(_MODULE, _MODULE_NOTE),
        "torch_export": Usage(_PROGRAM),
        "onnx": Usage(_ONNX, library="onnx"),
    },
)
