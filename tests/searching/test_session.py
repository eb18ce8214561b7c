"""Real searches, few and small: each starts Ray."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from chaos_parts import reference

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, SearchSettings, read_info, read_trials
from sasa_nas.searching import resume, search
from sasa_nas.searching.plan import plan_search

SETTINGS = SearchSettings(trials=3, seed=1, workers=1)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as a worker has: sums in another order are other accuracies."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_search_is_what_its_seeds_say(one_thread: None, make_space, tmp_path: Path, notes) -> None:
    summary = search(make_space(), SETTINGS, out=tmp_path / "a", observer=notes)
    trained = [record for record in summary.records if record.outcome is Outcome.TRAINED]
    assert len(trained) == 3
    # the designs of the same seed, and trainings of theirs, without Ray
    designs = reference.designs(plan_search(make_space(), SETTINGS))
    assert [(record.architecture_id, record.seed, record.arm) for record in trained] == designs
    space = tmp_path / "space.json"
    space.write_text(json.dumps(make_space().model_dump(mode="json")))
    for record in trained:
        assert record.architecture is not None
        assert record.accuracy == reference.accuracies(record.architecture.to_json(), record.seed, 1, space)[-1]
        assert record.flops == count_network(record.architecture).total.flops()
    assert not summary.interrupted
    assert read_trials(summary.folder) == summary.records
    assert [report.epoch for report in notes.epochs] == [1, 1, 1]
    assert notes.workers == [1]
    # Tune's own files, among them pickles, are gone
    assert sorted(p.name for p in (tmp_path / "a").iterdir() if p.name != ".lock") == [
        *("run.json", "study.journal", "trials", "trials.jsonl")
    ]


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_trial_s_share_is_measured_once_and_kept(make_space, tmp_path: Path, notes) -> None:
    def only_conv(data: dict) -> None:
        data["stages"] = [stage | {"operator": {"kind": "conv"}} for stage in data["stages"]]

    settings = SearchSettings(trials=1, workers=1, auto=("cpus",))
    summary = search(make_space(only_conv), settings, out=tmp_path / "run", observer=notes)
    info = read_info(summary.folder)
    (packing,) = notes.packings
    assert info.packing == packing
    assert len(packing.architecture_ids) == 1
    assert packing.device == "cpu"
    # one trial at a time may have any number of threads
    assert [one.share.trials for one in packing.measured] == [1] * len(packing.measured)
    assert every(one.images_per_second > 0 for one in packing.measured)
    assert info.settings.cpus_per_trial == packing.chosen.share.cpus
    assert [record.outcome for record in summary.records if record.outcome.spent] == [Outcome.TRAINED]
    resume(tmp_path / "run", trials=1, observer=notes)
    assert read_info(summary.folder) == info
    assert len(notes.packings) == 1


def test_a_folder_that_holds_something_is_refused(make_space, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not empty; choose another --out"):
        search(make_space(), SETTINGS, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_holds_a_run_is_not_searched_again(make_space, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="already holds a run; go on with it"):
        search(make_space(), SETTINGS, out=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(make_space, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        search(make_space(), SETTINGS, out=tmp_path / "file" / "run")


def test_nothing_is_written_for_a_search_that_cannot_be(make_space, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="max_params=10"):
        search(make_space(lambda data: data.update(limits={"max_params": 10})), SETTINGS, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_resuming_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        resume(tmp_path)


def test_a_finished_run_is_resumed_without_a_worker(make_run, make_record, make_space, notes) -> None:
    path = make_run([make_record(0, accuracy=0.5, flops=1000)])
    info = read_info(RunFolder(path))
    done = info.model_copy(update={"space": make_space().model_dump(mode="json"), "settings": SearchSettings(trials=1)})
    RunFolder(path).info.write_text(done.model_dump_json())
    summary = resume(path, observer=notes)
    assert not summary.interrupted
    assert notes.workers == []


FORMULA = SearchSettings(trials=3, seed=1, workers=1)


def by_formula(data: dict[str, Any]) -> None:
    data["proxy"].update(dataset="synthetic:additive", image_size=None)


def test_a_folder_that_a_killed_search_was_making_is_made_again(make_space, tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    for name in (".lock", ".run.json.abcd_123.json"):
        (tmp_path / name).touch()
    summary = search(make_space(by_formula), FORMULA, out=tmp_path)
    assert sum(record.outcome.spent for record in summary.records) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(".lock", "run.json", "study.journal", "trials", "trials.jsonl")
    ]


def test_a_folder_of_trials_without_a_record_is_refused(make_space, tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / "trials" / "0000").mkdir(parents=True)
    with pytest.raises(UserError, match="not empty; choose another --out"):
        search(make_space(by_formula), FORMULA, out=tmp_path)


def test_a_run_whose_trials_folder_was_removed_goes_on(make_space, tmp_path: Path) -> None:
    search(make_space(by_formula), FORMULA, out=tmp_path / "run")
    (tmp_path / "run" / "trials").rmdir()
    summary = resume(tmp_path / "run", trials=5)
    assert sum(record.outcome.spent for record in summary.records) == 5
    assert (tmp_path / "run" / "trials").is_dir()
