"""Exported detectors: the same objects without the package, the same numbers in a runtime, and what is refused."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from assertions import every
from detector_cases import SIZES, pictures, small_detector, sure_network
from forked import run_forked
from torch import nn

from sasa_nas.detection.description import Detector
from sasa_nas.detection.exporting.detector import EXPORT
from sasa_nas.detection.exporting.network import for_inference
from sasa_nas.detection.network import DetectionNetwork
from sasa_nas.errors import UserError
from sasa_nas.exporting import verification
from sasa_nas.exporting.card import ModelCard, render_card
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.formats import FORMATS
from sasa_nas.exporting.verification import verify_here

NAMES = ("rectangle", "ellipse", "tri|angle")
CARD = ModelCard("net", dataset="coco:shapes", ap=0.25, ap50=0.5, class_names=NAMES, category_ids=(2, 5, 7))
OPERATORS: dict[str, dict[str, Any]] = {
    "conv": {"kind": "conv"},
    "local": {"kind": "local_attention", "kernel_size": 3, "num_heads": 2},
}

CHILD = """
import sys
from pathlib import Path

BLOCKED = {"sasa_nas", "torchvision", "safetensors", "pydantic", "timm"}

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
import torch

torch.set_num_threads(1)
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
from model import load

network = load()
found = [network.detect(image) for image in torch.load(folder.parent / "images.pt")]
torch.save([(one.boxes, one.scores, one.labels, list(one.names)) for one in found], folder.parent / "found.pt")
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
"""


def exported(operator: str, folder: Path, formats: tuple[str, ...]) -> tuple[Detector, DetectionNetwork]:
    detector = small_detector(operator=OPERATORS[operator])
    network = sure_network(detector)
    export_network(detector, network.state_dict(), folder, CARD, formats)
    return detector, network


@pytest.fixture
def module(tmp_path: Path) -> Path:
    exported("conv", tmp_path / "net", ("module",))
    return tmp_path / "net"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "net"
    exported("conv", folder, tuple(FORMATS))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_same_objects_are_found_with_torch_alone(operator: str, tmp_path: Path) -> None:
    _, network = exported(operator, tmp_path / "net", ("module",))
    torch.save(pictures(), tmp_path / "images.pt")
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, str(tmp_path / "net")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        expected = network([image / 255 for image in pictures()])
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    for (boxes, scores, labels, names), theirs, size in zip(found, expected, SIZES, strict=True):
        # many objects of several classes, so that agreement says something
        assert size == (1, 9) or (len(labels) > 50 and len(set(labels.tolist())) > 1)
        assert torch.equal(labels, theirs["labels"])
        assert names == [NAMES[label] for label in labels]
        torch.testing.assert_close(scores, theirs["scores"], rtol=0, atol=1e-4)
        torch.testing.assert_close(boxes, theirs["boxes"], rtol=0, atol=1e-4 * max(size))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_runtime_of_onnx_gives_boxes_and_scores_of_the_network(whole: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network = sure_network(small_detector())
    session = onnxruntime.InferenceSession(str(whole / "model.onnx"), providers=["CPUExecutionProvider"])
    images = torch.randn(3, 3, 70, 100, generator=torch.Generator().manual_seed(3))
    names = ["boxes", "scores", "logits_p3", "offsets_p7"]
    boxes, scores, logits, offsets = session.run(names, {"images": images.numpy()})
    with torch.no_grad():
        levels = list(network.backbone(images).values())
        heads = network.head(levels)
    assert len(session.get_outputs()) == 12
    np.testing.assert_allclose(scores, heads["cls_logits"].sigmoid(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits, heads["cls_logits"][:, : logits.shape[1]], rtol=0, atol=1e-4)
    np.testing.assert_allclose(offsets, heads["bbox_regression"][:, -offsets.shape[1] :], rtol=0, atol=1e-4)
    # by the definition of the offsets, for one anchor: that of scale 1 and ratio 1 at row 1, column 2 of P3
    place = 6 * (1 * 13 + 2) + 2
    dx, dy, wide, tall = heads["bbox_regression"][1, place].double().tolist()
    x, y, width, height = 16 + 32 * dx, 8 + 32 * dy, 32 * np.exp(wide), 32 * np.exp(tall)
    edges = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(boxes[1, place], np.clip(edges, 0, [100, 70, 100, 70]), rtol=0, atol=1e-2)
    assert scores.std() > 0.05


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_format_is_verified_without_consent(whole: Path) -> None:
    report = verify_here(whole)
    assert [(check.format, check.batch) for check in report.checks] == [(kind, n) for kind in FORMATS for n in (1, 5)]
    assert report.ok
    assert "box" in report.difference
    assert every(check.largest_difference is not None and check.ok for check in report.checks)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_cards_programs_run(whole: Path) -> None:
    programs = [part.partition("```")[0] for part in (whole / "README.md").read_text().split("```python\n")[1:]]
    assert len(programs) == len(FORMATS)
    for program in programs:
        done = run_forked(["-c", program], cwd=whole)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_the_network_for_inference_has_the_same_tensors_and_raw_outputs() -> None:
    detector = small_detector(anchor_scales=[1.0, 1.5], anchor_ratios=[0.5])
    network = sure_network(detector)
    alone = for_inference(network).eval()
    assert list(alone.state_dict()) == list(network.state_dict())
    images = torch.randn(2, 3, 70, 100, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        boxes, scores, logits, offsets = alone(images)
        expected = EXPORT.reference(network)(images)
    assert len(EXPORT.outputs(detector)) == len(expected) == 12
    for found, wanted in zip((boxes, scores, *logits, *offsets), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


def test_what_is_no_image_is_refused() -> None:
    network = for_inference(sure_network(small_detector()))
    for shape in ((1, 3, 8, 8), (1, 8, 8), (3, 0, 8)):
        with pytest.raises(ValueError, match=r"image: expected \(3, height, width\), got"):
            network.detect(torch.zeros(shape))


def test_the_configuration_has_what_a_consumer_needs(module: Path) -> None:
    config = json.loads((module / "config.json").read_text())
    assert config["label_names"] == list(NAMES)
    assert config["category_ids"] == [2, 5, 7]
    assert config["pretrained_cfg"]["input_size"] == [3, 70, 100]
    assert config["pretrained_cfg"]["mean"] == [0.485, 0.456, 0.406]
    # rows and columns of each level, six anchors at each place
    assert config["detection"]["anchors"] == {"p3": 702, "p4": 210, "p5": 72, "p6": 24, "p7": 6}
    assert (config["detection"]["score_threshold"], config["detection"]["nms_threshold"]) == (0.05, 0.5)


def test_the_card_tells_precision_and_what_follows_the_file() -> None:
    text = render_card(CARD, small_detector(), ("module", "onnx"))
    for phrase in (
        "pipeline_tag: object-detection\n",
        "      split: validation\n    metrics:\n    - type: mean_average_precision\n      value: 0.25\n",
        "A detector of objects of 3 classes (RetinaNet) for images fitted into 3 x 70 x 100, exported from sasa-nas",
        "| Average precision (validation) | 25.00% |",
        "| Class names | rectangle, ellipse, tri\\|angle |",
        "intersection over union is above 0.5",
        "a score above 0.05",
    ):
        assert phrase in text
    assert "timm.create_model" not in text
    assert "Accuracy" not in text


def test_the_module_imports_torch_alone() -> None:
    tree = ast.parse(EXPORT.source(small_detector(operator=OPERATORS["local"]), "t"))
    tried = {id(node) for part in ast.walk(tree) if isinstance(part, ast.Try) for node in ast.walk(part)}
    imports = [node for node in ast.walk(tree) if id(node) not in tried]
    names = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in imports if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} - {"torch"} <= sys.stdlib_module_names
    assert ast.get_docstring(tree) == "A detector of objects of 3 classes, in images fitted into 70 x 100."


def test_a_foreign_file_is_not_run(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_run_alone", lambda *_: pytest.fail("a file of the export is run"))
    config = (module / "config.json").read_text()
    (module / "config.json").write_text(config.replace('"nms_threshold": 0.5', '"nms_threshold": 0.6'))
    with pytest.raises(UserError, match=r"config\.json has another detection\.nms_threshold than"):
        verify_here(module)
    (module / "config.json").write_text(config)
    with (module / "model.py").open("a") as file:
        file.write("print()\n")
    with pytest.raises(UserError, match=r"model\.py is not what this version of sasa-nas writes"):
        verify_here(module)


def test_weights_of_another_detector_leave_no_folder(tmp_path: Path) -> None:
    weights = sure_network(small_detector()).state_dict()
    del weights["head.regression_head.bbox_reg.bias"]
    with pytest.raises(UserError, match=r"bbox_reg\.bias is missing"):
        export_network(small_detector(), weights, tmp_path / "net", CARD)
    assert list(tmp_path.iterdir()) == []


def test_other_outputs_are_found(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that is off by a thousandth of the image's side is wrong; one that is off by a tenth of that is not."""
    for shift, ok in ((0.1, False), (0.005, True)):
        expected = verification._answers(EXPORT, sure_network(small_detector()), [torch.randn(2, 3, 70, 100)])[0]
        moved = [expected[0] + shift, *expected[1:]]
        check = verification._check(verification.all_formats()[0], EXPORT.outputs(small_detector()), expected, moved)
        assert check.ok is ok


def test_every_layer_of_the_module_is_the_packages_own(module: Path) -> None:
    alone = for_inference(sure_network(small_detector()))
    kinds = {type(part).__module__.partition(".")[0] for part in alone.modules() if not isinstance(part, nn.Sequential)}
    assert kinds == {"sasa_nas", "torch"}
