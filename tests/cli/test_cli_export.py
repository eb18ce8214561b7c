"""`export`: what it takes, what it says of the weights, what it refuses. Real files are checked in tests/exporting."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from failing import fails

from sasa_nas import ExportRequest, Run
from sasa_nas.cli.app import main
from sasa_nas.exporting.formats import FORMATS, parse_formats
from sasa_nas.exporting.weights import load_weights, save_weights
from sasa_nas.models import build
from sasa_nas.run import RunFolder, TrainingFolder, TrainingInfo, TrainingResult, TrainingSettings
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.retraining_records import RetrainedDesign, RetrainingInfo, Size
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Architecture, Image, load_architecture
from sasa_nas.training.seeding import seeded

WHEN = "2024-01-01T00:00:00Z"


@pytest.fixture
def design(make_record) -> Architecture:
    return make_record(0).architecture


@pytest.fixture
def run(make_run, make_record, design: Architecture) -> Path:
    """One trained trial, whose full-size design has larger images, and one that only stands for itself."""
    full = design.model_copy(update={"image": Image(channels=1, height=16, width=16)})
    records = [
        make_record(0, accuracy=0.5, flops=1000).model_copy(update={"full_size": full, "seed": 7}),
        make_record(1, accuracy=0.4, flops=500, pattern="LC"),
    ]
    path = make_run(records)
    for record in records:
        save_weights(RunFolder(path).trial(record.number).weights, fresh(record.architecture, 3))
    return path


@pytest.fixture
def training(tmp_path: Path, design: Architecture) -> Path:
    """Two seeds, both trained."""
    return write_training(TrainingFolder(tmp_path / "train-net"), design)


@pytest.fixture
def retrained(run: Path) -> RetrainingFolder:
    """Both seeds of trial 0 trained in full, seed 4 the better."""
    place = RunFolder(run).retraining("target")
    full = Run(run).trial(0).full_size
    assert full is not None
    write_training(place.network(0), full)
    write_plan(place, "target")
    return place


def write_plan(place: RetrainingFolder, size: Size) -> None:
    info = RetrainingInfo(
        size=size,
        settings=TrainingSettings(dataset="digits", seeds=(3, 4)),
        designs=(RetrainedDesign(trial=0, flops=1000, params=10),),
        created=WHEN,
        command="sasa-nas retrain",
        versions={},
        git=None,
        device="cpu",
    )
    place.info.write_text(info.model_dump_json())


def write_training(folder: TrainingFolder, design: Architecture) -> Path:
    for seed in (3, 4):
        folder.seed(seed).path.mkdir(parents=True)
        save_weights(folder.seed(seed).weights, fresh(design, seed))
    folder.architecture.write_text(design.to_json())
    info = TrainingInfo(
        name="net",
        architecture_id=design.id,
        settings=TrainingSettings(dataset="digits", seeds=(3, 4)),
        created=WHEN,
        command="sasa-nas train net",
        versions={"torch": "2.15"},
        git=None,
        device="cpu",
        mean=(4.5,),
        std=(6.25,),
        class_names=("a", "b"),
    )
    folder.info.write_text(info.model_dump_json())
    seeds = tuple(
        SeedResult(seed=seed, validation=Score(accuracy=seed / 10, loss=1), test=Score(accuracy=seed / 20, loss=1))
        for seed in (3, 4)
    )
    spread = Spread.of([0.3, 0.4])
    result = TrainingResult(
        name="net", architecture_id=design.id, dataset="digits", epochs=10, seeds=seeds, validation=spread, test=spread
    )
    folder.result.write_text(result.model_dump_json())
    return folder.path


def fresh(architecture: Architecture, seed: int) -> dict[str, torch.Tensor]:
    with seeded(seed):
        return build(architecture).state_dict()


def same(folder: Path, weights: dict[str, torch.Tensor]) -> bool:
    found = load_weights(folder / "model.safetensors")
    return found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in weights)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "out"


def test_formats_are_found_by_their_names() -> None:
    assert set(FORMATS) == {"module", "torch_export", "onnx"}
    assert parse_formats(" onnx,module, onnx") == ("module", "onnx")
    assert parse_formats(("torch_export",)) == ("torch_export",)


def test_a_trial_by_its_run_and_by_its_folder(capsys, run: Path, design: Architecture, out: Path, tmp_path) -> None:
    assert main(["export", str(run), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Weights: trained (seed 7), 50.00% on validation" in printed
    assert f"verify-export {out}" in printed
    assert load_architecture(out / "architecture.json") == design
    assert same(out, fresh(design, 3))
    assert main(["export", str(run / "trials" / "0001"), "--out", str(tmp_path / "b")]) == 0
    assert "40.00% on validation" in capsys.readouterr().out
    assert "sasa-nas search --space tiny" in (out / "README.md").read_text()


def test_the_full_size_design_says_that_it_is_untrained(capsys, run: Path, out: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    assert "Weights: untrained: random (seed 0)" in capsys.readouterr().out
    full = load_architecture(out / "architecture.json")
    assert full.image.height == 16
    card = (out / "README.md").read_text()
    assert "**Its weights are untrained" in card
    assert "50.00% on the validation images of digits" in card
    assert "| Accuracy" not in card
    given = fresh(full, 5)
    save_weights(tmp_path / "w.safetensors", given)
    words = ["--size", "target", "--weights", str(tmp_path / "w.safetensors"), "--weights-license", "CC0"]
    assert main(["export", str(run), *words, "--out", str(out)]) == 0
    assert same(out, given)
    card = (out / "README.md").read_text()
    assert "**Its weights are given as a file" in card
    assert "| Weights | CC0 |" in card


def test_a_retrained_design_has_the_weights_of_its_best_seed(
    capsys, run: Path, retrained: RetrainingFolder, out: Path, tmp_path: Path
) -> None:
    full = Run(run).trial(0).full_size
    assert full is not None
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Weights: trained (seed 4), 40.00% on validation" in printed
    told = "trained in its retraining 'target' with seed 4, the best of 2 on the validation part (30.00% with seed 3, "
    assert told in printed
    card = (out / "README.md").read_text()
    assert told in card
    assert "| Accuracy (test) | 20.00% |" in card
    assert "untrained" not in card
    assert load_architecture(out / "architecture.json") == full
    assert same(out, fresh(full, 4))
    assert main(["export", str(run), "--size", "target", "--seed", "3", "--out", str(out)]) == 0
    assert "with seed 3 of 2 on the validation part" in capsys.readouterr().out
    assert same(out, fresh(full, 3))
    given = fresh(full, 5)
    save_weights(tmp_path / "w.safetensors", given)
    words = ["--size", "target", "--weights", str(tmp_path / "w.safetensors")]
    assert main(["export", str(run), *words, "--out", str(out)]) == 0
    assert same(out, given)
    assert main(["export", str(run), "--out", str(tmp_path / "proxy")]) == 0
    assert "trained (seed 7)" in (tmp_path / "proxy" / "README.md").read_text()


def test_a_retraining_that_goes_on_gives_what_it_has(capsys, run: Path, retrained, out: Path) -> None:
    network = retrained.network(0)
    network.result.unlink()
    network.seed(3).weights.unlink()
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    assert "trained in its retraining 'target' with seed 4.\n" in capsys.readouterr().out
    assert "| Accuracy" not in (out / "README.md").read_text()
    network.seed(4).weights.unlink()
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    assert "Weights: untrained" in capsys.readouterr().out


def test_a_retraining_at_the_proxys_size_is_none_of_the_full_size_design(capsys, run: Path, retrained, out) -> None:
    write_plan(retrained, "proxy")
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    assert "Weights: untrained" in capsys.readouterr().out
    other = RunFolder(run).retraining("longer")
    retrained.path.rename(other.path)
    write_plan(other, "target")
    assert main(["export", str(run), "--size", "target", "--out", str(out)]) == 0
    assert "retraining 'longer' with seed 4" in capsys.readouterr().out
    other.info.write_bytes(b"\xff")
    assert "retrain.json cannot be read" in fails(capsys, "export", run, "--size", "target", "--out", out)


def test_a_training_gives_the_seed_that_is_asked_for(capsys, training: Path, design, out: Path, tmp_path) -> None:
    assert main(["export", str(training), "--seed", "4", "--out", str(out)]) == 0
    assert "trained (seed 4), 40.00% on validation" in capsys.readouterr().out
    assert same(out, fresh(design, 4))
    card = (out / "README.md").read_text()
    for row in ("| Accuracy (test) | 20.00% |", "| Epochs | 10 |", "| Dataset | digits |", "sasa-nas train net"):
        assert row in card
    assert main(["export", str(training), "--out", str(tmp_path / "b")]) == 0
    assert same(tmp_path / "b", fresh(design, 3))


def test_a_file_has_random_weights_that_the_seed_fixes(capsys, tmp_path: Path, design, out: Path) -> None:
    file = tmp_path / "my-net.json"
    file.write_text(design.to_json())
    assert main(["export", str(file), "--seed", "9", "--out", str(out)]) == 0
    assert "my_net is in" in capsys.readouterr().out
    assert same(out, fresh(design, 9))
    assert "untrained: random (seed 9)" in (out / "README.md").read_text()


def test_a_name_goes_before_a_folder_and_has_a_default_place(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "resnet18"]) == 0
    assert "resnet18 is in exports/resnet18: model.py" in capsys.readouterr().out
    assert (tmp_path / "exports" / "resnet18" / "model.py").is_file()


def test_the_names_of_classes_travel(run: Path, training: Path, out: Path) -> None:
    assert main(["export", str(training), "--out", str(out)]) == 0
    assert json.loads((out / "config.json").read_text())["label_names"] == ["a", "b"]
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "class_names": ["c", "d"]}))
    assert main(["export", str(run), "--out", str(out)]) == 0
    assert json.loads((out / "config.json").read_text())["label_names"] == ["c", "d"]


def test_python_has_the_same_verb(run: Path, out: Path) -> None:
    request = ExportRequest(out=out, size="target" if Run(run).trial(1).full_size else "proxy")
    assert Run(run).export(1, request).folder == out
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "__init__.py",
        "architecture.json",
        "config.json",
        "model.py",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{run}", "--format", "module,tflite"), "unknown --format 'tflite'; there is: module, onnx, torch_export"),
        (("{run}", "--format", ""), "unknown --format ''"),
        (("{run}", "--trial", 1, "--size", "target"), "keeps no full-size design"),
        (("{run}", "--seed", 1), "has its own weights"),
        (("{run}", "--weights", "x"), "has its own weights"),
        (("{run}", "--size", "target", "--weights", "{run}/gone"), "does not exist"),
        (("{run}", "--size", "target", "--weights", "{run}/trials/0001/weights.safetensors"), "the weights are not"),
        (("{run}", "--size", "huge"), "'proxy', 'target'"),
        (("{training}", "--seed", 5), "has no seed 5 that is trained to the end; it has 3, 4"),
        (("{training}", "--weights", "x"), "has its own weights"),
        (("{training}", "--pick", "best"), "is no run's folder"),
        (("{training}", "--size", "target"), "belongs to the trials of a run"),
        (("resnet18", "--weights", "x", "--seed", 1), "exclude each other"),
        (("resnet_18",), "did you mean"),
        (("gone/net.json",), "there is no file or folder"),
    ],
)
def test_what_cannot_be_is_one_line(capsys, run: Path, training: Path, out: Path, arguments, words: str) -> None:
    filled = [str(word).format(run=run, training=training) for word in arguments]
    assert words in fails(capsys, "export", *filled, "--out", out)
    assert not out.exists()


def test_an_exports_folder_is_no_source(capsys, run: Path, out: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--out", str(out)]) == 0
    capsys.readouterr()
    assert "does not tell how its weights were trained" in fails(capsys, "export", out, "--out", tmp_path / "again")


def test_a_trials_folder_is_not_written_over(capsys, run: Path) -> None:
    folder = run / "trials" / "0000"
    before = sorted(path.name for path in folder.iterdir())
    assert "is not empty and no earlier export" in fails(capsys, "export", run, "--out", folder)
    assert sorted(path.name for path in folder.iterdir()) == before
