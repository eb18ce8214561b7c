"""Trainings for `where` in a run that is there: more in balance, and twins with convolution in one stage."""

from collections.abc import Callable
from pathlib import Path

import pytest
from assertions import every
from optuna.trial import TrialState
from studies import shown

from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.errors import UserError
from sasa_nas.run import Arm, Outcome, SearchSettings, TrialRecord, read_info, read_trials
from sasa_nas.run.designs import designs
from sasa_nas.run.records import Sampler
from sasa_nas.searching import Swaps, resume, search, train_more
from sasa_nas.searching.propose.requests import FIRST_SEEDS
from sasa_nas.searching.propose.widths import MULTIPLIERS
from sasa_nas.searching.session import SearchSummary
from sasa_nas.space import SearchSpace
from sasa_nas.surrogate.posterior import LEAST

MakeSpace = Callable[..., SearchSpace]


def synthetic(data: dict) -> None:
    data["proxy"].update(dataset="synthetic:additive", recipe={"epochs": 2})


def synthetic_of_many(data: dict) -> None:
    """Hundreds of networks, so that a sampler has something to choose."""
    synthetic(data)
    local = {"kind": "local_attention", "kernel_size": {"choice": [3, 5, 7]}, "num_heads": 2}
    for stage in data["stages"]:
        stage["operator"] = {"choice": [{"kind": "conv"}, local]}


@pytest.fixture
def finished(make_space: MakeSpace, tmp_path: Path) -> SearchSummary:
    """A search of six of the eight networks, two trainings of it in balance."""
    return search(make_space(synthetic), SearchSettings(trials=8, seed=3), out=tmp_path / "run")


def of(records: list[TrialRecord], arm: Arm) -> list[TrialRecord]:
    return [record for record in records if record.arm is arm and record.outcome is Outcome.TRAINED]


def kinds(record: TrialRecord) -> list[str]:
    assert record.architecture is not None
    return [stage.operator.kind for stage in record.architecture.stages]


def test_more_are_trained_in_whole_designs_and_go_on_with_the_list(finished: SearchSummary, notes) -> None:
    path = finished.folder.path
    summary = train_more(path, balanced=5, observer=notes)
    assert not summary.interrupted
    assert [record.arm for record in notes.ended] == [Arm.BALANCED] * 6
    balanced = of(read_trials(finished.folder), Arm.BALANCED)
    assert len(balanced) == 8
    assert [r.seed for r in balanced] == [3 + 1 + i for i in range(8)]
    designs = [r.architecture_id for r in balanced]
    assert designs[::2] == designs[1::2]
    assert summary.records[: len(finished.records)] == finished.records, "what was there is as it was"
    assert read_info(finished.folder).settings.more_balanced == 6
    assert resume(path).records == summary.records
    again = train_more(path, balanced=2)
    assert len(of(again.records, Arm.BALANCED)) == 10


def test_an_unfinished_search_is_left_as_it_is(finished: SearchSummary, notes) -> None:
    info = read_info(finished.folder)
    settings = info.settings.model_copy(update={"trials": 10})
    finished.folder.info.write_text(info.model_copy(update={"settings": settings}).model_dump_json())
    summary = train_more(finished.folder.path, balanced=4, observer=notes)
    assert not summary.interrupted
    assert of(summary.records, Arm.SEARCH) == of(finished.records, Arm.SEARCH)
    assert [record.arm for record in notes.ended] == [Arm.BALANCED] * 4
    assert read_info(finished.folder).settings.trials == 10


def test_the_front_is_settled_by_trainings_with_seeds_of_their_own(
    make_space: MakeSpace, tmp_path: Path, notes
) -> None:
    found = search(make_space(synthetic), SearchSettings(trials=16, seed=3, balanced=0.5), out=tmp_path / "run")
    assert len(designs(found.records)) == LEAST
    summary = train_more(found.folder.path, settle=5, observer=notes)
    assert [record.arm for record in notes.ended] == [Arm.SETTLE] * 5
    settled = of(summary.records, Arm.SETTLE)
    assert [r.seed for r in settled] == [3 + FIRST_SEEDS[Arm.SETTLE] + i for i in range(5)]
    assert {r.architecture_id for r in settled} <= {r.architecture_id for r in found.records}
    assert summary.records[: len(found.records)] == found.records
    assert of(resume(found.folder.path).records, Arm.SETTLE) == settled
    assert len(of(train_more(found.folder.path, settle=1).records, Arm.SETTLE)) == 6


def test_the_convolutional_network_is_trained_at_other_widths_one_after_the_other(
    finished: SearchSummary, notes
) -> None:
    path = finished.folder.path
    before = pareto_front(finished.records)
    summary = train_more(path, widths=6, observer=notes)
    assert [record.arm for record in notes.ended] == [Arm.WIDTH] * 6
    trained = of(summary.records, Arm.WIDTH)
    assert [r.seed for r in trained] == [3 + FIRST_SEEDS[Arm.WIDTH] + i for i in range(6)]
    assert [r.width_multiplier for r in trained] == [*MULTIPLIERS, *MULTIPLIERS[:2]]
    assert {tuple(kinds(r)) for r in trained} == {("conv",) * 3}
    costs = {r.width_multiplier: r.flops for r in trained}
    baseline = next(r for r in finished.records if set(kinds(r)) == {"conv"})
    for multiplier, flops in costs.items():
        assert flops == pytest.approx(baseline.flops * multiplier**2, rel=0.2)  # of widths of 8, in whole channels
    assert {r.full_size for r in trained} == {baseline.full_size}
    assert summary.records[: len(finished.records)] == finished.records
    assert pareto_front(summary.records) == before
    assert designs(summary.records) == designs(finished.records)
    assert resume(path).records == summary.records
    assert [r.width_multiplier for r in of(train_more(path, widths=1).records, Arm.WIDTH)][6:] == [MULTIPLIERS[2]]


@pytest.mark.parametrize("sampler", ["tpe", "model"])
def test_the_sampler_learns_nothing_of_networks_outside_the_space(
    make_space: MakeSpace, tmp_path: Path, sampler: Sampler
) -> None:
    def go_on(name: str, widths: int) -> list[TrialRecord]:
        settings = SearchSettings(trials=14, seed=3, balanced=0.0, sampler=sampler, workers=1)
        path = search(make_space(synthetic_of_many), settings, out=tmp_path / name).folder.path
        if widths:
            train_more(path, widths=widths)
        return of(resume(path, trials=20).records, Arm.SEARCH)

    plain, widened = go_on("plain", 0), go_on("widened", 7)
    assert len(plain) == 20
    assert [r.architecture_id for r in widened] == [r.architecture_id for r in plain]


def test_a_space_without_convolution_has_no_widths_to_compare_with(make_space: MakeSpace, tmp_path: Path) -> None:
    def edit(data: dict) -> None:
        synthetic(data)
        data["stages"][0]["operator"] = {"kind": "local_attention", "kernel_size": {"choice": [3, 5]}, "num_heads": 2}

    run = search(make_space(edit), SearchSettings(trials=2), out=tmp_path / "run")
    with pytest.raises(UserError, match="has no all-convolution network within its limits"):
        train_more(run.folder.path, widths=2)
    assert read_info(run.folder).settings.widths == 0
    assert resume(run.folder.path).records == run.records


def attending(records: list[TrialRecord], count: int) -> TrialRecord:
    return next(r for r in of(records, Arm.SEARCH) if len([k for k in kinds(r) if k != "conv"]) >= count)


def test_each_attention_stage_is_swapped_at_the_seed_of_its_network(finished: SearchSummary) -> None:
    whole = attending(finished.records, 2)
    summary = train_more(finished.folder.path, swaps=Swaps([whole.number], seeds=2))
    swaps = of(summary.records, Arm.SWAP)
    stages = [i for i, kind in enumerate(kinds(whole)) if kind != "conv"]
    assert [(r.swap_of, r.swapped_stage, r.seed) for r in swaps] == [
        (whole.number, stage, 3 + FIRST_SEEDS[Arm.SWAP] + seed) for seed in range(2) for stage in [None, *stages]
    ]
    for record in swaps:
        expected = kinds(whole)
        if record.swapped_stage is not None:
            expected[record.swapped_stage] = "conv"
        assert kinds(record) == expected
        assert record.architecture is not None
        for one, other in zip(record.architecture.stages, whole.architecture.stages, strict=True):
            assert one.model_copy(update={"operator": other.operator}) == other
    assert every(r.architecture_id == whole.architecture_id for r in swaps if r.swapped_stage is None)
    again = train_more(finished.folder.path, swaps=Swaps([whole.number], seeds=2))
    assert again.records == summary.records, "nothing is trained twice"


def test_a_twin_equal_to_a_network_of_the_same_seed_is_not_trained_again(finished: SearchSummary) -> None:
    networks = {tuple(kind != "conv" for kind in kinds(r)): r for r in of(finished.records, Arm.SEARCH)}
    two = next(pattern for pattern in networks if sum(pattern) == 2)
    one = next(p for p in networks if sum(p) == 1 and all(a <= b for a, b in zip(p, two, strict=True)))
    summary = train_more(finished.folder.path, swaps=Swaps([networks[two].number, networks[one].number]))
    copies = [r for r in summary.records if r.arm is Arm.SWAP and r.outcome is Outcome.DUPLICATE]
    trained = of(summary.records, Arm.SWAP)
    assert len(trained) == 4  # the two, the twin that is none of them, and the network without attention
    assert len(copies) == 1
    (copy,) = copies
    original = summary.records[copy.duplicate_of]
    assert (copy.swap_of, original.swap_of) == (networks[two].number, networks[one].number)
    assert (copy.architecture_id, copy.seed) == (original.architecture_id, original.seed)


class Killed(Exception):
    pass


@pytest.fixture
def killer(notes):
    """An observer that ends a session with the first training that ends."""

    class Killer(type(notes)):  # type: ignore[misc]
        def trial_ended(self, record: TrialRecord) -> None:
            raise Killed

    return Killer()


def test_networks_of_other_widths_are_taken_up_as_they_were(finished: SearchSummary, killer) -> None:
    with pytest.raises(Killed):
        train_more(finished.folder.path, widths=6, observer=killer)
    cut_off = [r for r in read_trials(finished.folder) if r.outcome is Outcome.RUNNING]
    assert {r.arm for r in cut_off} == {Arm.WIDTH}
    trained = of(resume(finished.folder.path).records, Arm.WIDTH)
    assert [r.width_multiplier for r in trained] == [*MULTIPLIERS, *MULTIPLIERS[:2]]
    for record in cut_off:
        (again,) = [r for r in trained if r.number == record.number]
        assert (again.architecture_id, again.seed) == (record.architecture_id, record.seed)
    # for programs that show the run, they are on no front
    states = {trial.number: trial.state for trial in shown(finished.folder)}
    assert {states[r.number] for r in trained} == {TrialState.PRUNED}


def test_a_killed_session_is_gone_on_with_by_a_resume(finished: SearchSummary, killer) -> None:
    whole = attending(finished.records, 2)
    with pytest.raises(Killed):
        train_more(finished.folder.path, balanced=4, swaps=Swaps([whole.number]), observer=killer)
    assert Outcome.RUNNING in {record.outcome for record in read_trials(finished.folder)}
    summary = resume(finished.folder.path)
    twins = sum(kind != "conv" for kind in kinds(whole))
    assert len(of(summary.records, Arm.SWAP)) == 1 + twins
    assert len(of(summary.records, Arm.BALANCED)) == 6
    assert {r.outcome for r in summary.records} <= {Outcome.TRAINED, Outcome.DUPLICATE}


def test_without_attention_or_convolution_nothing_can_be_swapped(make_space: MakeSpace, tmp_path: Path) -> None:
    def edit(data: dict) -> None:
        synthetic(data)
        for stage in data["stages"]:
            stage["operator"] = {"kind": "local_attention", "kernel_size": {"choice": [3, 5]}, "num_heads": 2}

    run = search(make_space(edit), SearchSettings(trials=2), out=tmp_path / "run")
    with pytest.raises(UserError, match="no network of the front attends in a stage that may have convolution"):
        train_more(run.folder.path, balanced=2, swaps=Swaps([0, 1]))
    assert read_info(run.folder).settings.more_balanced == 0
    assert len(read_trials(run.folder)) == len(run.records)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_networks_are_really_trained(make_space: MakeSpace, tmp_path: Path) -> None:
    run = search(make_space(), SearchSettings(trials=3, workers=1, balanced=0.0), out=tmp_path / "run")
    whole = attending(run.records, 1)
    summary = train_more(run.folder.path, balanced=2, swaps=Swaps([whole.number]))
    balanced, swaps = of(summary.records, Arm.BALANCED), of(summary.records, Arm.SWAP)
    assert len(balanced) == 2
    assert len(swaps) == 1 + sum(kind != "conv" for kind in kinds(whole))
    assert balanced[0].accuracy != balanced[1].accuracy
    assert every(run.folder.trial(record.number).weights.is_file() for record in [*balanced, *swaps])
