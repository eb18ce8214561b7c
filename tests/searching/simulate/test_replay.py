"""Searches in a table: what they find is what the table holds, and nothing is trained."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from assertions import every

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.run import Arm, Outcome, SearchSettings
from sasa_nas.searching.plan import draw
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.requests import FIRST_SEEDS, Request
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.session import resume
from sasa_nas.searching.simulate.replay import recorded, replay, replay_plan
from sasa_nas.searching.simulate.simulation import simulate
from sasa_nas.space import Image, SearchSpace, proxy_of
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.enumeration import every_design
from sasa_nas.table import Row, Table, TableInfo
from sasa_nas.table.records import save_table

EPOCHS = 9


@pytest.fixture
def table(make_space: Callable[..., SearchSpace]) -> Table:
    """Of the eight networks: the more attention, the more accurate in the end, and the slower to learn."""
    space = make_space(lambda data: data["proxy"]["recipe"].update(epochs=EPOCHS))
    rows = []
    for choices, design in every_design(space):
        architecture = proxy_of(design, space.proxy, Image(channels=1, height=6, width=6), 10)
        counts = count_network(architecture).total
        attending = sum(stage.operator.kind != "conv" for stage in architecture.stages)
        final = 0.5 + 0.1 * attending + 1e-7 * counts.params
        curve = (*(final * (1 - 0.5 / epoch) for epoch in range(1, EPOCHS)), final)
        rows.append(
            Row(
                choices=choices,
                architecture=architecture,
                flops=counts.flops(),
                params=counts.params,
                macs={},
                accuracy=(curve, tuple(value / 2 for value in curve)),
                train_loss=((1.0,) * EPOCHS,) * 2,
                seconds=(9.0, 18.0),
            )
        )
    info = TableInfo(
        space=space.model_dump(mode="json"),
        dataset="digits",
        epochs=EPOCHS,
        seeds=(0, 1),
        train_images=10,
        validation_images=10,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        versions={},
        git=None,
        device="cpu",
    )
    return Table(info=info, rows=tuple(rows))


def proposer_of(table: Table, settings: SearchSettings, notes) -> Proposer:
    plan = replay_plan(table, settings)
    return Proposer(SearchStudy(plan), plan, notes)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_stopping_every_training_is_the_tables(table: Table, notes, seed: int) -> None:
    settings = SearchSettings(trials=6, seed=seed, balanced=0.0)
    proposer = proposer_of(table, settings, notes)
    assert simulate(proposer, recorded(table), workers=3, observer=notes) == 6 * EPOCHS
    assert proposer.done
    by_id = {row.architecture.id: row for row in table.rows}
    trained = [record for record in notes.ended if record.outcome is Outcome.TRAINED]
    assert len({record.architecture_id for record in trained}) == 6
    for record in trained:
        row = by_id[record.architecture_id]
        assert record.accuracy == row.accuracy[record.seed % 2][-1]
        assert (record.flops, record.epochs, record.seconds) == (row.flops, EPOCHS, row.seconds[record.seed % 2])
    first = seed + FIRST_SEEDS[Arm.SEARCH]
    assert sorted(record.seed for record in trained) == list(range(first, first + 6)), "a seed of its own each"


def test_workers_train_side_by_side(table: Table, notes) -> None:
    proposer = proposer_of(table, SearchSettings(trials=4), notes)
    simulate(proposer, recorded(table), workers=2, observer=notes)
    order = [report.number for report in notes.epochs]
    first, second = order[:2]
    assert first != second
    assert order[: 2 * EPOCHS] == [first, second] * EPOCHS


def test_halving_spends_less_and_keeps_the_ends_of_the_front(table: Table, notes) -> None:
    settings = SearchSettings(trials=8, halving=True, balanced=0.0)
    spent = simulate(proposer_of(table, settings, notes), recorded(table), workers=1, observer=notes)
    stopped = [record.number for record in notes.ended if record.outcome is Outcome.STOPPED]
    assert len(stopped) >= 4
    assert spent == len(notes.epochs) == sum(record.epochs for record in notes.ended)
    assert spent < 0.6 * 8 * EPOCHS
    assert every(record.rungs.keys() <= {1, 3} for record in notes.ended)


def test_the_baseline_is_trained_first_and_to_the_end(table: Table, notes) -> None:
    """Whatever others reach: here attention is better at any cost."""
    for seed in range(3):
        notes.ended.clear()
        settings = SearchSettings(trials=6, seed=seed, halving=True)
        simulate(proposer_of(table, settings, notes), recorded(table), workers=2, observer=notes)
        first = min(notes.ended, key=lambda record: record.number)
        assert first.architecture.all_convolution
        assert (first.number, first.outcome, first.epochs) == (0, Outcome.TRAINED, EPOCHS)
        assert (first.arm, first.seed) == (Arm.SEARCH, seed + FIRST_SEEDS[Arm.SEARCH])
        assert sum(record.outcome.spent for record in notes.ended) == 6


def test_a_budget_ends_a_search_as_it_is(table: Table, notes) -> None:
    settings = SearchSettings(trials=8, balanced=0.0)
    proposer = proposer_of(table, settings, notes)
    assert simulate(proposer, recorded(table), workers=2, observer=notes, budget=11) == 11
    assert not proposer.done
    assert len(notes.epochs) == 11


def test_a_replayed_run_is_a_run_but_cannot_be_resumed(table: Table, tmp_path: Path, notes) -> None:
    path = tmp_path / "t.json.gz"
    save_table(table, path)
    out = tmp_path / "run"
    summary = replay(path, SearchSettings(trials=5, halving=True), out=out, observer=notes)
    assert not summary.interrupted
    assert sum(record.outcome.spent for record in summary.records) == 5
    again = replay(path, SearchSettings(trials=5, halving=True), out=tmp_path / "again")
    assert again.records == summary.records
    with pytest.raises(UserError, match=r"replayed t\.json\.gz and trained nothing"):
        resume(out)
    with pytest.raises(UserError, match="already holds a run"):
        replay(path, SearchSettings(), out=out)


def test_a_table_without_a_network_that_is_proposed_is_an_error(table: Table, notes) -> None:
    lame = table.model_copy(update={"rows": table.rows[:1]})
    settings = SearchSettings(trials=8, balanced=0.0)
    with pytest.raises(UserError, match="the table has no network"):
        simulate(proposer_of(lame, settings, notes), recorded(lame), workers=1, observer=notes)


def test_no_training_comes_twice_while_others_are_left(table: Table, notes) -> None:
    course = recorded(table)
    plan = replay_plan(table, SearchSettings())
    design = draw(plan, RandomChooser(random.Random(0)))
    (row,) = (row for row in table.rows if row.architecture.id == design.architecture.id)
    # seeds that count off the same training of the table
    found = [course(Proposal(number, design, Request(7, Arm.BALANCED))).accuracy for number in range(3)]
    assert found == [row.accuracy[1], row.accuracy[0], row.accuracy[1]]
