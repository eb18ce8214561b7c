"""What a run knows about itself, and where it lies."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from assertions import every
from pydantic import ValidationError

from sasa_nas.run import Outcome, RunFolder, RunInfo, SearchSettings, TrialRecord, read_info


def test_a_runs_description_comes_back_from_its_file(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    info = RunInfo(
        space={"name": "x", "proxy": {"dataset": "digits"}, "stages": [{"width": {"choice": [8, 16]}}]},
        settings=SearchSettings(trials=5, seed=7, workers=2, gpus_per_trial=0.25, data_dir=Path("/data")),
        created=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
        command="sasa-nas search --space 'my space'",
        versions={"torch": "2.11.0"},
        git="0123456789ab+",
        device="cpu",
    )
    folder.info.write_text(info.model_dump_json(), encoding="utf-8")
    assert read_info(folder) == info


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": 0},
        {"seed": -1},
        {"workers": 0},
        {"cpus_per_trial": 0},
        {"gpus_per_trial": -0.5},
        {"trials": "many"},
        {"trails": 3},
    ],
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SearchSettings.model_validate(wrong)


def test_records_cannot_be_changed_in_place() -> None:
    record = TrialRecord(number=0, outcome=Outcome.RUNNING)
    with pytest.raises(ValidationError, match="frozen"):
        record.accuracy = 1.0  # type: ignore[misc]


def test_an_infeasible_trial_has_no_id() -> None:
    assert TrialRecord(number=0, outcome=Outcome.INFEASIBLE).architecture_id is None


def test_everything_of_a_run_lies_in_its_folder() -> None:
    folder = RunFolder(Path("runs/x"))
    trial = folder.trial(7)
    parts = [folder.info, folder.log, folder.study, folder.trials, folder.lock, folder.tune, trial.path]
    parts += [trial.architecture, trial.full_size, trial.metrics, trial.weights, trial.error]
    assert every(folder.path in part.parents for part in parts)
    assert len(set(parts)) == len(parts)
    assert (folder.info.name, folder.log.name, folder.study.name) == ("run.json", "trials.jsonl", "study.journal")
    assert trial.path == Path("runs/x/trials/0007")


def test_trials_folders_sort_by_number_and_never_clash() -> None:
    folder = RunFolder(Path("runs/x"))
    names = [folder.trial(number).path.name for number in (0, 9, 10, 999, 1000, 9999, 10_000, 123_456)]
    assert names[:6] == sorted(names[:6])
    assert len(set(names)) == len(names)
