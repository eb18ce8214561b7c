"""A supernet's judgements among the scores of a run's trials."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, TrialRecord, read_trials
from sasa_nas.run.path_records import PathLog, PathRecord

MakeRecord = Callable[..., TrialRecord]
MakeRun = Callable[..., Path]


def judged(record: TrialRecord, loss: float, seed: int = 0) -> PathRecord:
    return PathRecord(architecture_id=str(record.architecture_id), seed=seed, validation_loss=loss, accuracy=0.25)


@pytest.fixture
def records(make_record: MakeRecord) -> list[TrialRecord]:
    return [make_record(i, accuracy=0.5 + i / 10, pattern="CL") for i in range(3)]


def test_trials_of_judged_designs_have_the_mean_over_seeds(records: list[TrialRecord], make_run: MakeRun) -> None:
    scored = records[0].model_copy(update={"scores": {"zico": 3.0}})
    folder = RunFolder(make_run([scored, *records[1:]]))
    assert [record.scores for record in read_trials(folder)] == [{"zico": 3.0}, {}, {}]
    folder.supernet.path.mkdir()
    log = PathLog(folder.supernet.paths)
    for record, loss, seed in ((scored, 1.0, 0), (records[1], 2.0, 0), (scored, 2.0, 1)):
        log.add(judged(record, loss, seed))
    assert [record.scores for record in read_trials(folder)] == [{"zico": 3.0, "one_shot": -1.5}, {}, {}]
    log.add(judged(records[1], 4.0, 1))
    assert read_trials(folder)[1].scores == {"one_shot": -3.0}


def test_a_line_that_a_kill_cut_off_is_dropped(records: list[TrialRecord], tmp_path: Path) -> None:
    path = tmp_path / "paths.jsonl"
    PathLog(path).add(judged(records[0], 1.0))
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    log = PathLog(path)
    assert list(log.records.values()) == [judged(records[0], 1.0)]
    log.add(judged(records[1], 2.0))
    assert path.read_text().splitlines()[0] + "\n" == whole
    assert list(PathLog(path).records.values()) == [judged(records[0], 1.0), judged(records[1], 2.0)]


@pytest.mark.parametrize("loss", ["NaN", "Infinity", "-1.0"])
def test_losses_that_are_none_are_no_records(tmp_path: Path, loss: str) -> None:
    path = tmp_path / "paths.jsonl"
    path.write_text(f'{{"architecture_id": "a", "seed": 0, "validation_loss": {loss}, "accuracy": 0.5}}\n')
    assert not PathLog(path).records


def test_judgements_that_lie_elsewhere_are_not_read(
    records: list[TrialRecord], make_run: MakeRun, tmp_path: Path
) -> None:
    folder = RunFolder(make_run(records))
    folder.supernet.path.mkdir()
    PathLog(tmp_path / "elsewhere").add(judged(records[0], 1.0))
    folder.supernet.paths.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a symbolic link"):
        read_trials(folder)
