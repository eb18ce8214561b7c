from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from assertions import every
from optuna.trial import TrialState
from studies import records, shown

from sasa_nas.run import Arm, Outcome, RunFolder, TrialRecord
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose.balanced import BalancedDesigns
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.requests import Request, enqueue
from sasa_nas.searching.propose.study import opened_study
from sasa_nas.space.choosers import RecallChooser

MakePlan = Callable[..., SearchPlan]


@contextmanager
def session(folder: RunFolder, plan: SearchPlan, notes) -> Iterator[Proposer]:
    with opened_study(folder, plan) as study:
        yield Proposer(study, plan, notes)


def trained(proposal: Proposal, accuracy: float = 0.5) -> TrialRecord:
    return proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": accuracy, "epochs": 1, "seconds": 1.0})


def run_to_end(proposer: Proposer) -> list[Proposal]:
    """A search whose accuracies follow from the cost alone."""
    proposals = []
    while (proposal := proposer.propose()) is not None:
        proposals.append(proposal)
        proposer.finish(trained(proposal, 1.0 - 1e4 / proposal.design.counts.flops()))
    return proposals


def test_trains_as_many_distinct_designs_as_asked_for(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    with session(folder, make_plan(trials=7), notes) as proposer:
        proposals = run_to_end(proposer)
        assert proposer.done
    assert len({p.design.architecture.id for p in proposals}) == len(proposals) == 7
    found = [record for record in records(folder) if record.outcome is Outcome.TRAINED]
    assert [r.number for r in found] == [p.number for p in proposals]
    assert every(r.accuracy and r.flops == p.design.counts.flops() for r, p in zip(found, proposals, strict=True))


@pytest.mark.slow
def test_a_space_without_new_designs_ends_the_search(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    with session(folder, make_plan(trials=50), notes) as proposer:
        assert len(run_to_end(proposer)) == 8
        assert proposer.exhausted
        assert proposer.done
    duplicates = [record for record in records(folder) if record.outcome is Outcome.DUPLICATE]
    first = {r.architecture_id: r.number for r in reversed(records(folder)) if r.outcome is Outcome.TRAINED}
    assert duplicates
    assert every(record.duplicate_of == first[record.architecture_id] for record in duplicates)


@pytest.mark.slow
def test_the_same_seed_proposes_the_same(make_plan: MakePlan, tmp_path, notes) -> None:
    def ids(name: str, seed: int) -> list[str]:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()

        def edit(data: dict) -> None:
            for stage in data["stages"]:
                stage["width"] = {"range": [8, 32, 8]}

        with session(folder, make_plan(edit, trials=12, seed=seed), notes) as proposer:
            return [p.design.architecture.id for p in run_to_end(proposer)]

    first, again, other = ids("a", 3), ids("b", 3), ids("c", 4)
    assert first == again
    assert first != other


@pytest.mark.slow
def test_designs_over_a_limit_are_never_proposed(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    def edit(data: dict) -> None:
        for stage in data["stages"]:
            stage["width"] = {"choice": [8, 16, 32]}

    sizes = [p.design.counts.params for p in self_contained(make_plan(edit, trials=6), folder, notes)]
    most = sorted(sizes)[2]

    def limited(data: dict) -> None:
        edit(data)
        data["limits"] = {"max_params": most}

    # a sampler that learns of limits by its draws, where the model counts before
    other = RunFolder(folder.path.parent / "limited")
    other.path.mkdir()
    # as many as it takes the sampler to draw some that are over it, too
    proposals = self_contained(make_plan(limited, trials=16, sampler="tpe"), other, notes)
    assert max(p.design.counts.params for p in proposals) <= most
    refused = [record for record in records(other) if record.outcome is Outcome.INFEASIBLE]
    assert every("exceed max_params" in (record.reason or "") for record in refused)
    states = {trial.state for trial in shown(other) if trial.number in {r.number for r in refused}}
    assert states <= {TrialState.PRUNED}


def self_contained(plan: SearchPlan, folder: RunFolder, notes) -> list[Proposal]:
    with session(folder, plan, notes) as proposer:
        return run_to_end(proposer)


def test_interrupted_trials_are_taken_up_again_as_they_were(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=5)
    with session(folder, plan, notes) as proposer:
        done, left = proposer.propose(), proposer.propose()
        assert done is not None
        assert left is not None
        proposer.finish(trained(done))
        assert not proposer.done
    with session(folder, plan, notes) as proposer:
        again = proposer.propose()
        assert again == left
        assert len(run_to_end(proposer)) == 3
        proposer.finish(trained(left))
        assert proposer.done
    outcomes = Counter(record.outcome for record in records(folder))
    assert outcomes[Outcome.TRAINED] == 5
    assert outcomes[Outcome.RUNNING] == 0


def test_more_trials_can_be_asked_for_later(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    first = self_contained(make_plan(trials=2), folder, notes)
    more = self_contained(make_plan(trials=5), folder, notes)
    assert len(first) == 2
    assert len(more) == 3
    assert len({p.design.architecture.id for p in first + more}) == 5


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.DIVERGED, TrialState.PRUNED), (Outcome.BROKEN, TrialState.FAIL), (Outcome.LOST, TrialState.FAIL)],
)
def test_failed_trainings_count_and_are_not_repeated(
    make_plan: MakePlan, folder: RunFolder, notes, outcome: Outcome, state: TrialState
) -> None:
    with session(folder, make_plan(trials=8), notes) as proposer:
        first = proposer.propose()
        assert first is not None
        proposer.finish(first.record(outcome).model_copy(update={"reason": "why"}))
        rest = run_to_end(proposer)
    assert len(rest) == 7
    assert first.design.architecture.id not in {p.design.architecture.id for p in rest}
    trial = shown(folder)[first.number]
    assert trial.state is state
    assert trial.user_attrs["record"]["reason"] == "why"
    assert records(folder)[first.number].reason == "why"


def test_the_observer_hears_of_every_trial(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    proposals = self_contained(make_plan(trials=3), folder, notes)
    assert [record.number for record in notes.started] == [p.number for p in proposals]
    assert [r.number for r in notes.ended if r.outcome is Outcome.TRAINED] == [p.number for p in proposals]


def long(data: dict) -> None:
    data["proxy"]["recipe"]["epochs"] = 9


def test_trainings_that_others_outdo_are_stopped(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(long, trials=6, halving=True, objectives=("accuracy",))
    with session(folder, plan, notes) as proposer:
        live = [proposer.propose() for _ in range(3)]
        assert [proposer.goes_on(p.number, 1, accuracy) for p, accuracy in zip(live, (0.5, 0.4, 0.6), strict=True)] == [
            True,
            False,
            True,
        ]
        assert proposer.goes_on(live[1].number, 2, 0.1), "nothing is compared between levels"
        stopped = live[1].record(Outcome.STOPPED).model_copy(update={"epochs": 1})
        proposer.finish(stopped)
        proposer.finish(trained(live[2], 0.9))
    found = {record.number: record for record in records(folder)}
    assert found[1].outcome is Outcome.STOPPED
    assert found[1].rungs == {1: 0.4}
    assert found[2].rungs == {1: 0.6}
    states = [t.state for t in shown(folder)[:3]]
    assert states == [TrialState.RUNNING, TrialState.PRUNED, TrialState.COMPLETE]


def test_a_resumed_search_knows_what_trainings_had_reached(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(long, trials=6, halving=True, objectives=("accuracy",))
    with session(folder, plan, notes) as proposer:
        for accuracy in (0.5, 0.4, 0.6):
            proposal = proposer.propose()
            proposer.goes_on(proposal.number, 1, accuracy)
    with session(folder, plan, notes) as proposer:
        again = [proposer.propose(), proposer.propose()]
        # trial 1 was about to be stopped when the session ended
        assert [p.number for p in again] == [0, 2]
        assert not proposer.goes_on(proposer.propose().number, 1, 0.45)
    outcomes = [record.outcome for record in records(folder)][:3]
    assert outcomes == [Outcome.RUNNING, Outcome.STOPPED, Outcome.RUNNING]
    assert records(folder)[0].rungs == {1: 0.5}


def test_below_the_floor_cheapness_does_not_count(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(long, trials=6, halving=True, accuracy_floor=0.5)
    with session(folder, plan, notes) as proposer:
        live = sorted((proposer.propose() for _ in range(4)), key=lambda p: p.design.counts.flops())
        cheapest, *others = live
        assert every(proposer.goes_on(p.number, 1, 0.6 + 0.1 * i) for i, p in enumerate(reversed(others[-1:])))
        proposer.goes_on(others[0].number, 1, 0.6)
        proposer.goes_on(others[1].number, 1, 0.6)
        assert not proposer.goes_on(cheapest.number, 1, 0.4)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "random", "gp", "model"])
def test_every_sampler_searches_with_three_objectives(
    make_plan: MakePlan, folder: RunFolder, notes, sampler: str
) -> None:
    plan = make_plan(trials=8, sampler=sampler, objectives=("accuracy", "flops", "params"))
    with session(folder, plan, notes) as proposer:
        assert len(run_to_end(proposer)) == 8
    values = [trial.values for trial in shown(folder) if trial.values]
    assert len(values) == 8
    assert every(len(row) == 3 for row in values)


def test_a_share_of_the_trials_is_balanced_and_replicated_all_the_way(
    make_plan: MakePlan, folder: RunFolder, notes
) -> None:
    plan = make_plan(widths, trials=8, balanced=0.5)
    proposals = self_contained(plan, folder, notes)
    arms = [p.request.arm for p in proposals]
    assert arms == [Arm.SEARCH, Arm.BALANCED] * 4
    balanced = [p for p in proposals if p.request.arm is Arm.BALANCED]
    ids = [p.design.architecture.id for p in balanced]
    assert ids[::2] == ids[1::2], "each design comes twice"
    assert len(set(ids)) == 2
    seeds = [p.request.seed for p in balanced]
    assert len(set(seeds)) == 4
    assert plan.settings.seed not in seeds
    found = [r for r in records(folder) if r.arm is Arm.BALANCED]
    assert [(r.number, r.seed, r.architecture_id) for r in found] == [
        (p.number, p.request.seed, p.design.architecture.id) for p in balanced
    ]
    assert every(r.outcome is Outcome.TRAINED for r in found)
    search = [p.design.architecture.id for p in proposals if p.request.arm is Arm.SEARCH]
    assert len(set(search)) == len(search), "the sampler's own are still trained once"


def widths(data: dict) -> None:
    for stage in data["stages"]:
        stage["width"] = {"range": [8, 32, 8]}


@pytest.mark.parametrize(("trials", "share", "wanted"), [(3, 0.5, 0), (7, 0.5, 2), (8, 0.25, 2), (6, 1.0, 6)])
def test_the_share_is_one_of_whole_designs(
    make_plan: MakePlan, folder: RunFolder, notes, trials: int, share: float, wanted: int
) -> None:
    proposals = self_contained(make_plan(widths, trials=trials, balanced=share), folder, notes)
    assert len(proposals) == trials
    assert sum(p.request.arm is Arm.BALANCED for p in proposals) == wanted


@pytest.mark.slow
def test_a_resumed_search_keeps_the_share_and_its_designs(make_plan: MakePlan, tmp_path, notes) -> None:
    plan = make_plan(widths, trials=8, balanced=0.5)
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    for folder in (whole, parts):
        folder.path.mkdir()
    expected = [p for p in self_contained(plan, whole, notes) if p.request.arm is Arm.BALANCED]
    found: dict[int, Proposal] = {}
    for _ in range(40):  # every session is killed with two trainings under way
        with session(parts, plan, notes) as proposer:
            first, second = proposer.propose(), proposer.propose()
            found |= {p.number: p for p in (first, second) if p is not None}
            if first is None:
                break
            proposer.finish(trained(first))
    balanced = [p for p in sorted(found.values(), key=lambda p: p.number) if p.request.arm is Arm.BALANCED]
    assert [(p.design, p.request) for p in balanced] == [(p.design, p.request) for p in expected]
    assert len(found) == 8


def test_a_balanced_training_whose_beginning_was_cut_off_is_taken_up(
    make_plan: MakePlan, folder: RunFolder, notes
) -> None:
    plan = make_plan(widths, trials=6)
    wanted = BalancedDesigns(plan)[0]
    with opened_study(folder, plan) as study:
        enqueue(study, wanted, Request(seed=99, arm=Arm.BALANCED))
    with session(folder, plan, notes) as proposer:
        proposal = proposer.propose()
        assert proposal is not None
        assert proposal.request == Request(seed=99, arm=Arm.BALANCED)
        assert proposal.design == draw(plan, RecallChooser(wanted))
        assert len(run_to_end(proposer)) == 5


def test_balanced_trainings_are_never_stopped_early(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(long, trials=8, balanced=0.5, halving=True, objectives=("accuracy",))
    with session(folder, plan, notes) as proposer:
        live = [proposer.propose() for _ in range(4)]
        goes_on = [proposer.goes_on(p.number, 1, 0.5 - 0.1 * i) for i, p in enumerate(live)]
    assert [p.request.arm for p in live] == [Arm.SEARCH, Arm.BALANCED] * 2
    assert goes_on == [True, True, False, True]


@pytest.mark.slow
def test_an_exhausted_space_still_gets_its_balanced_share(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    proposals = self_contained(make_plan(trials=24, balanced=0.5), folder, notes)
    arms = Counter(p.request.arm for p in proposals)
    assert arms[Arm.BALANCED] == 12
    assert len({p.design.architecture.id for p in proposals}) == 8


@pytest.mark.parametrize("telling", [True, False])
def test_where_early_accuracies_rank_nothing_none_is_stopped(
    make_plan: MakePlan, folder: RunFolder, notes, telling: bool
) -> None:
    def longer(data: dict) -> None:
        widths(data)
        long(data)

    plan = make_plan(longer, trials=20, halving=True, objectives=("accuracy",))
    with session(folder, plan, notes) as proposer:
        # each better than all before, so that none is stopped
        for place in range(8):
            proposal = proposer.propose()
            assert proposer.goes_on(proposal.number, 1, 0.3 + 0.01 * place)
            proposer.finish(trained(proposal, 0.5 + 0.01 * (place if telling else place % 2)))
        stopped = [not proposer.goes_on(proposer.propose().number, 1, 0.2 - 0.01 * place) for place in range(3)]
    assert stopped == [telling] * 3


def test_balanced_trainings_tell_of_their_levels_but_are_not_compared(
    make_plan: MakePlan, folder: RunFolder, notes
) -> None:
    plan = make_plan(long, trials=8, balanced=0.5, halving=True, objectives=("accuracy",))
    with session(folder, plan, notes) as proposer:
        live = [proposer.propose() for _ in range(4)]
        for proposal, accuracy in zip(live, (0.1, 0.9, 0.05, 0.8), strict=True):
            proposer.goes_on(proposal.number, 1, accuracy)
    assert [record.rungs for record in records(folder)] == [{1: 0.1}, {1: 0.9}, {1: 0.05}, {1: 0.8}]
    with session(folder, plan, notes) as proposer:
        own = [p for p in (proposer.propose() for _ in range(5)) if p.request.arm is Arm.SEARCH]
        # better than the search's own, though worse than those in balance
        assert proposer.goes_on(own[-1].number, 1, 0.2)
