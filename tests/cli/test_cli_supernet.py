"""`sasa-nas supernet`: the command from end to end on digits."""

from pathlib import Path

import pytest
import torch
from assertions import every

from sasa_nas import Run, supernet_agreement, supernet_scores
from sasa_nas.cli.app import main
from sasa_nas.exporting.weights import load_weights
from sasa_nas.run import TrainingFolder, read_training

COMMAND = ["supernet", "--space", "tiny", "--epochs", "1", "--train-images", "64", "--device", "cpu"]


@pytest.mark.slow
def test_a_space_is_judged_and_more_seeds_are_had_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "supernet"
    assert main([*COMMAND, "--out", str(out)]) == 0
    told, progress = capsys.readouterr()
    assert "8 networks judged" in told
    assert "Kendall" not in told
    assert "seed 0 epoch 1/1: train loss" in progress
    first = supernet_scores(out)
    assert len(first) == 8
    assert every(score < 0 for score in first.values())
    assert told.index(max(first, key=first.__getitem__)) < told.index(min(first, key=first.__getitem__))
    assert supernet_agreement(out) is None
    assert main([*COMMAND, "--out", str(out), "--seeds", "2"]) == 0
    told, progress = capsys.readouterr()
    assert "seed 0 epoch" not in progress
    tau = supernet_agreement(out)
    assert tau is not None
    assert f"Kendall's tau between two seeds, mean: {tau:.2f}" in told
    assert main([*COMMAND, "--out", str(out), "--train-images", "70"]) == 2
    assert "supernet of another space" in capsys.readouterr().err


def test_a_space_without_choices_of_operators_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "fixed.yaml"
    space.write_text("name: fixed\nstages: [{blocks: {choice: [1, 2]}, width: 8}]\n")
    assert main(["supernet", "--space", str(space), "--out", str(tmp_path / "out")]) == 2
    assert "no stage of space 'fixed' chooses its operator" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_search_judges_first_and_its_scores_have_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    limits = ["--epochs", "1", "--train-images", "64", "--workers", "1", "--balanced", "0", "--sampler", "random"]
    assert main(["search", "--space", "tiny", "--one-shot", "--trials", "5", *limits, "--out", str(out)]) == 0
    progress = capsys.readouterr().err
    assert progress.index("8 networks are judged") < progress.index("trial 0")
    judged = supernet_scores(out / "supernet")
    records = Run(out).trials()
    assert [record.scores for record in records] == [{"one_shot": judged[str(r.architecture_id)]} for r in records]
    assert main(["scores", str(out)]) == 0
    assert "one_shot" in capsys.readouterr().out
    assert main(["report", str(out)]) == 0
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert "shared weights" in page
    assert "one_shot" in page
    _train_inheriting(out, tmp_path / "inherited")
    # of a finished supernet nothing is trained again
    assert main(["resume", str(out), "--trials", "6"]) == 0
    assert "supernet: epoch" not in capsys.readouterr().err


def _train_inheriting(run: Path, out: Path) -> None:
    """Train a trial's network with the supernet's weights, at a rate that leaves them where they are."""
    design = run / "trials" / "0000" / "architecture.json"
    still = ["--learning-rate", "1e-12", "--weight-decay", "0", "--epochs", "1", "--train-images", "64"]
    inherit = ["--inherit", str(run / "supernet"), "--out", str(out)]
    assert main(["train", str(design), "--dataset", "digits", *still, *inherit]) == 0
    first, last = load_weights(out / "inherited.safetensors"), load_weights(out / "seeds" / "0" / "weights.safetensors")
    assert first.keys() == last.keys()
    for name, tensor in first.items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(last[name], tensor, rtol=0.0, atol=1e-9)
    assert read_training(TrainingFolder(out)).inherited == str(run / "supernet")


def test_a_network_of_another_space_inherits_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "trained"
    command = ["train", "resnet18", "--dataset", "digits", "--width-multiplier", "0.125", "--out", str(out)]
    assert main([*command, "--inherit", str(tmp_path)]) == 2
    assert "is no supernet" in capsys.readouterr().err
    assert not out.exists()


def test_a_replay_has_no_images_for_a_supernet(capsys: pytest.CaptureFixture[str]) -> None:
    table = Path(__file__).parents[2] / "tables" / "groups_64_tiny_imagenet.json.gz"
    assert main(["search", "--replay", str(table), "--one-shot"]) == 2
    assert "has no images for a supernet" in capsys.readouterr().err
