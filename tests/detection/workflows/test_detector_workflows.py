"""Detectors trained and used: what is kept, what a kill costs, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from coco_shapes import CATEGORIES, write_shapes
from safetensors.torch import load_file, save_file
from torch import nn

from sasa_nas.data.image_file import read_whole_image
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.detection.description import Detector, load_detector
from sasa_nas.detection.recipe import DetectionRecipe
from sasa_nas.detection.records import (
    DetectionResult,
    DetectionSettings,
    DetectorResources,
    read_detection,
    read_detection_result,
)
from sasa_nas.detection.training.average_precision import detect, evaluate_detector
from sasa_nas.detection.workflows.detect import detect_objects, load_detection_network
from sasa_nas.detection.workflows.train import resume_detector, train_detector
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.run import RunError, TrainingFolder, read_training
from sasa_nas.run.external import confirmed
from sasa_nas.run.training_records import Spread
from sasa_nas.space import Architecture, Stage
from sasa_nas.workflows.observer import TrainingSummary
from sasa_nas.workflows.train import resume_network

CPU = torch.device("cpu")
MakeDetection = Callable[..., DetectionSettings]


class Killed(BaseException):
    """No handler of errors may catch it, as none catches a kill."""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("coco") / "shapes", train=4, validation=2, size=(48, 64))


@pytest.fixture(scope="module")
def detector() -> Detector:
    stages = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
    backbone = {"block": "basic", "stem": {"kind": "conv", "width": 8, "kernel_size": 3}, "stages": stages}
    return Detector.model_validate({"backbone": backbone, "pyramid_width": 8, "head_depth": 1})


@pytest.fixture(scope="module")
def make(shapes: Path) -> MakeDetection:
    """Makes settings that train on the shapes at 64 x 64 pixels."""

    def settings(**fields: Any) -> DetectionSettings:
        recipe = DetectionRecipe(epochs=2, batch_size=2, learning_rate=1e-3)
        usual = {"dataset": f"coco:{shapes}", "image_size": 64, "recipe": recipe, "device": "cpu"}
        return DetectionSettings.model_validate({**usual, **fields})

    return settings


@pytest.fixture(scope="module")
def whole(detector: Detector, make: MakeDetection, tmp_path_factory: pytest.TempPathFactory) -> TrainingSummary:
    """An undisturbed training of two seeds."""
    return train_detector(detector, make(seeds=(0, 3)), name="tiny", out=tmp_path_factory.mktemp("whole") / "t")


def lines(folder: TrainingFolder, seed: int) -> list[dict[str, Any]]:
    """The metrics of a seed without times."""
    rows = [json.loads(line) for line in folder.seed(seed).metrics.read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith("seconds")} for row in rows]


def test_everything_is_kept(whole: TrainingSummary, shapes: Path) -> None:
    folder = whole.folder
    info = read_detection(folder)
    assert info == whole.info
    assert info.settings.dataset == f"coco:{shapes.resolve()}"
    assert [category.model_dump() for category in info.categories] == CATEGORIES
    described = load_detector(folder.architecture)
    assert described.id == info.architecture_id
    assert (described.num_classes, described.backbone.image.height) == (3, 64)
    result = read_detection_result(folder)
    assert isinstance(whole.result, DetectionResult)
    assert result == whole.result
    assert [seed.seed for seed in result.seeds] == [0, 3]
    assert result.ap == Spread.of([seed.ap for seed in result.seeds])
    files = {str(file.relative_to(folder.path)) for file in folder.path.rglob("*") if file.is_file()}
    kept = {f"seeds/{seed}/{name}" for seed in (0, 3) for name in ("metrics.jsonl", "weights.safetensors")}
    assert files - {".lock"} == {"training.json", "architecture.json", "result.json", *kept}


def test_the_result_is_that_of_the_weights_on_disk(whole: TrainingSummary, shapes: Path) -> None:
    splits = load_coco(f"coco:{shapes}")
    assert isinstance(whole.result, DetectionResult)
    for seed in whole.result.seeds:
        weights = whole.folder.seed(seed.seed).weights
        network = load_detection_network(load_detector(whole.folder.architecture), weights, CPU)
        precision = evaluate_detector(network, splits.validation, splits.categories, batch_size=2, device=CPU)
        assert (seed.ap, seed.ap50) == (precision.ap, precision.ap50)
        assert lines(whole.folder, seed.seed)[-1]["ap"] == seed.ap


def named(shapes: Path) -> DetectorResources:
    """The data set's folder, which no record may name alone."""
    return DetectorResources(dataset=f"coco:{shapes}")


@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_training_ends_where_an_undisturbed_one_does(
    detector: Detector,
    whole: TrainingSummary,
    make: MakeDetection,
    make_notes: Any,
    shapes: Path,
    tmp_path: Path,
    after: int,
) -> None:
    notes = make_notes(Killed(), after)
    with pytest.raises(Killed):
        train_detector(detector, make(seeds=(0, 3)), name="tiny", out=tmp_path / "t", observer=notes)
    notes = make_notes()
    resumed = resume_detector(tmp_path / "t", external=named(shapes), observer=notes)
    assert resumed.result == whole.result
    assert notes.events[1] == {1: "seed 0 after 1", 3: "seed 3 after 1"}[after]
    assert "testing" not in notes.events
    for seed in (0, 3):
        assert lines(resumed.folder, seed) == lines(whole.folder, seed)
        weights, expected = (load_file(folder.seed(seed).weights) for folder in (resumed.folder, whole.folder))
        assert every(torch.equal(tensor, expected[name]) for name, tensor in weights.items())


def test_a_finished_training_is_left_as_it_is(whole: TrainingSummary) -> None:
    before = {file: file.stat().st_mtime_ns for file in whole.folder.path.rglob("*") if file.is_file()}
    assert resume_detector(whole.folder.path).result == whole.result
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_backbone_begins_from_its_weights_with_norms_held(
    detector: Detector, make: MakeDetection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    classifier = build(detector.backbone)
    for norm in classifier.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
    state = classifier.state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    monkeypatch.chdir(tmp_path)
    settings = make(backbone_weights=Path("weights.safetensors"))
    folder = train_detector(detector, settings, name="tiny", out=tmp_path / "t").folder
    assert read_detection(folder).settings.backbone_weights == (tmp_path / "weights.safetensors").resolve()
    trained = load_file(folder.seed(0).weights)
    for name, tensor in trained.items():
        if name.startswith("backbone.body") and "norm" in name:
            assert torch.equal(tensor, state[name.removeprefix("backbone.body.")]), name
    stem = trained["backbone.body.stem.conv.weight"]
    # at most a thousandth a step
    assert 0 < (stem - state["stem.conv.weight"]).abs().max() < 0.01


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dataset": "digits"}, "has no boxes for a detector"),
        ({"dataset": "coco:nowhere"}, "there is no folder"),
        ({"device": "tpu"}, "unknown device"),
        ({"backbone_weights": Path("none.safetensors")}, "does not exist"),
        ({"recipe": DetectionRecipe(batch_size=1)}, "use larger batches or a larger image_size"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    detector: Detector, make: MakeDetection, tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        train_detector(detector, make(**fields), name="tiny", out=tmp_path / "t")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "t").exists()


def test_another_networks_weights_are_refused_before_anything_is_written(
    detector: Detector, make: MakeDetection, tmp_path: Path
) -> None:
    save_file({"stem.conv.weight": torch.zeros(8, 3, 7, 7)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"stem\.conv\.weight of \(8, 3, 7, 7\)"):
        train_detector(detector, make(backbone_weights=tmp_path / "w.safetensors"), name="n", out=tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_diverged_seed_ends_in_one_line(detector: Detector, make: MakeDetection, tmp_path: Path) -> None:
    recipe = DetectionRecipe(epochs=3, batch_size=2, learning_rate=1e30)
    with pytest.raises(UserError, match=r"seed 0 diverged: .* lower --learning-rate") as caught:
        train_detector(detector, make(recipe=recipe), name="tiny", out=tmp_path / "t")
    assert "\n" not in str(caught.value)


def stopped(detector: Detector, make: MakeDetection, notes: Any, out: Path, **fields: Any) -> TrainingFolder:
    """The folder of a training that Ctrl-C ended after its first epoch."""
    summary = train_detector(detector, make(**fields), name="tiny", out=out, observer=notes(KeyboardInterrupt(), 1))
    assert summary.result is None
    return summary.folder


def test_other_annotations_or_another_network_are_not_gone_on_with(
    detector: Detector, make: MakeDetection, make_notes: Any, tmp_path: Path
) -> None:
    shapes = write_shapes(tmp_path / "shapes", train=2, validation=1, size=(48, 64))
    folder = stopped(detector, make, make_notes, tmp_path / "t", dataset=f"coco:{shapes}")
    file = shapes / "annotations" / "instances_train2017.json"
    before = file.read_text()
    content = json.loads(before)
    content["annotations"].pop()
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match="no longer what the detector was trained on"):
        resume_detector(folder.path, external=named(shapes))
    file.write_text(before)
    described = folder.architecture.read_text()
    folder.architecture.write_text(detector.to_json())
    with pytest.raises(UserError, match="is not the network that"):
        resume_detector(folder.path, external=named(shapes))
    folder.architecture.write_text(described)
    assert resume_detector(folder.path, external=named(shapes)).result is not None


def test_metrics_that_are_gone_are_named(
    detector: Detector, make: MakeDetection, make_notes: Any, shapes: Path, tmp_path: Path
) -> None:
    folder = stopped(detector, make, make_notes, tmp_path / "t", seeds=(0, 1))
    resume_detector(folder.path, external=named(shapes))
    folder.result.unlink()
    folder.seed(1).metrics.write_text("")
    with pytest.raises(UserError, match=r"seeds/1/metrics\.jsonl is missing or damaged"):
        resume_detector(folder.path, external=named(shapes))


def test_classifiers_and_detectors_are_told_apart(whole: TrainingSummary, tmp_path: Path) -> None:
    architecture = Architecture(stages=(Stage(),))
    folder = TrainingFolder(tmp_path)
    folder.info.write_text('{"task": "classification"}')
    folder.architecture.write_text(architecture.to_json())
    with pytest.raises(RunError, match="is the training of a classifier; use `sasa-nas train`"):
        read_detection(folder)
    for take in (lambda: read_training(whole.folder), lambda: resume_network(whole.folder.path)):
        with pytest.raises(RunError, match="is the training of a detector; use `sasa-nas train-detector` or"):
            take()
    with pytest.raises(UserError, match="describes a classifier"):
        load_detector(folder.architecture)


@pytest.fixture
def sure(whole: TrainingSummary, tmp_path: Path) -> Path:
    """The training's folder, its first seed's weights changed so that every anchor is a triangle, some surely."""
    folder = TrainingFolder(tmp_path / "sure")
    folder.seed(0).path.mkdir(parents=True)
    for name in ("info", "architecture"):
        getattr(folder, name).write_text(getattr(whole.folder, name).read_text())
    state = load_file(whole.folder.seed(0).weights)
    bias = state["head.classification_head.cls_logits.bias"]
    bias.fill_(-9.0)
    # anchor by anchor; the categories are rectangle, ellipse, triangle
    bias.view(6, 3)[:, 2] = torch.linspace(-1.0, 1.0, 6)
    save_file(state, folder.seed(0).weights)
    return folder.path


def test_objects_are_told_in_the_images_pixels_and_the_data_sets_words(sure: Path, shapes: Path) -> None:
    files = [shapes / "val2017" / f"00000{i}.png" for i in (1, 2)]
    report, pictures = detect_objects(sure, files, score_threshold=0.5, device="cpu")
    network = load_detection_network(
        load_detector(TrainingFolder(sure).architecture), TrainingFolder(sure).seed(0).weights, CPU
    )
    assert [found.image for found in report.images] == [str(file) for file in files]
    assert (report.seed, report.target) == (0, str(sure))
    for file, picture, found in zip(files, pictures, report.images, strict=True):
        assert torch.equal(picture, read_whole_image(file))
        assert (found.height, found.width) == (48, 64)
        (expected,) = detect(network, [picture], CPU)
        kept = expected.scores >= 0.5
        assert 0 < kept.sum() < len(kept)
        assert [thing.score for thing in found.objects] == expected.scores[kept].tolist()
        assert [list(thing.box) for thing in found.objects] == expected.boxes[kept].tolist()
        assert {(thing.category, thing.category_id) for thing in found.objects} == {("triangle", 7)}


def test_nothing_sure_enough_is_nothing(sure: Path, shapes: Path) -> None:
    report, _ = detect_objects(sure, [shapes / "val2017" / "000001.png"], score_threshold=1.0, device="cpu")
    assert report.images[0].objects == ()


def test_what_cannot_detect_says_why(whole: TrainingSummary, sure: Path, shapes: Path, tmp_path: Path) -> None:
    image = shapes / "val2017" / "000001.png"
    with pytest.raises(RunError, match="is not a training"):
        detect_objects(tmp_path, [image], score_threshold=0.5)
    with pytest.raises(UserError, match="cannot read the image"):
        detect_objects(sure, [tmp_path / "none.png"], score_threshold=0.5)
    folder = TrainingFolder(sure)
    state = load_file(folder.seed(0).weights)
    del state["head.regression_head.bbox_reg.bias"]
    save_file(state, folder.seed(0).weights)
    with pytest.raises(UserError, match=r"not those of detector .*: head\.regression_head\.bbox_reg\.bias is missing"):
        detect_objects(sure, [image], score_threshold=0.5)
    folder.seed(0).weights.unlink()
    with pytest.raises(UserError, match=r"no seed of .* is trained to the end"):
        detect_objects(sure, [image], score_threshold=0.5)


OLD_INFO = """{"format": 1, "name": "net.yaml", "architecture_id": "6ad9a69a25d8", "created": "2025-01-01T10:00:00Z",
 "command": "sasa-nas train net.yaml --dataset coco:shapes", "versions": {"torch": "2.9"}, "git": null,
 "device": "cpu", "task": "detection", "settings": {"dataset": "coco:/data/shapes", "image_size": 64, "seeds": [0],
 "device": "cpu", "data_dir": null, "recipe": {"epochs": 2, "batch_size": 2, "learning_rate": 0.0001,
 "weight_decay": 0.05, "augment": true}, "backbone_weights": "/data/w.safetensors"},
 "categories": [{"id": 2, "name": "ellipse"}], "fingerprint": "0123456789ab"}"""
OLD_RESULT = """{"format": 1, "task": "detection", "name": "net.yaml", "architecture_id": "6ad9a69a25d8",
 "dataset": "coco:/data/shapes", "epochs": 2, "seeds": [{"seed": 0, "ap": 0.25, "ap50": 0.5}],
 "ap": {"mean": 0.25, "std": null, "n": 1}, "ap50": {"mean": 0.5, "std": null, "n": 1}}"""


def test_records_keep_their_form(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.info.write_text(OLD_INFO)
    folder.result.write_text(OLD_RESULT)
    info, result = read_detection(folder), read_detection_result(folder)
    assert json.loads(info.model_dump_json()) == json.loads(OLD_INFO)
    assert json.loads(result.model_dump_json()) == json.loads(OLD_RESULT)
    words = ("--dataset", "coco:/data/shapes", "--backbone-weights", "/data/w.safetensors")
    assert DetectorResources.of_detector(info.settings).options == words


def test_what_a_record_names_outside_its_folder_is_named_again(tmp_path: Path, detector: Detector) -> None:
    folder = TrainingFolder(tmp_path)
    info = json.loads(OLD_INFO) | {"architecture_id": detector.id}
    folder.info.write_text(json.dumps(info))
    folder.architecture.write_text(detector.to_json())
    with pytest.raises(UserError, match=r"add --backbone-weights /data/w\.safetensors"):
        resume_detector(folder.path, external=DetectorResources(dataset="coco:/data/shapes"))
    recorded = DetectorResources.of_detector(read_detection(folder).settings)
    moved = DetectorResources(dataset="coco:/data/shapes", backbone_weights=Path("/elsewhere/w.safetensors"))
    assert confirmed(recorded, moved, folder.path) == moved
