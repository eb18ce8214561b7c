"""Several trainings of one design count as one network, with their mean."""

import pytest

from sasa_nas.analysis.history import hypervolume_history
from sasa_nas.analysis.pareto import hypervolume, pareto_front
from sasa_nas.run import Outcome
from sasa_nas.run.designs import Designs, designs, trained


def test_only_what_has_an_accuracy_and_a_cost_is_trained(make_record) -> None:
    records = [
        make_record(0, 0.5, 1000),
        make_record(1),
        make_record(2, 0.5, None),
        make_record(4, 0.5, 1000, outcome=Outcome.STOPPED),
    ]
    assert [record.number for record in trained(records)] == [0]


def test_a_design_has_the_mean_of_its_trainings_and_the_number_of_the_first(make_record) -> None:
    records = [
        make_record(0, 0.75, 1000, design=1),
        make_record(1, 0.5, 900, design=2),
        make_record(2, 0.25, 1000, design=1),
        make_record(3, 0.5, 1000, design=1),
    ]
    assert [(r.number, r.accuracy) for r in designs(records)] == [(0, 0.5), (1, 0.5)]
    assert Designs(records).trainings() == {0: 3, 1: 1}
    under_attack = [
        records[0].model_copy(update={"robust_accuracy": 0.2}),
        records[2].model_copy(update={"robust_accuracy": 0.4}),
        records[3],
    ]
    assert designs(under_attack)[0].robust_accuracy == pytest.approx(0.3)


def test_a_lucky_training_does_not_put_a_design_on_the_front(make_record) -> None:
    lucky = [make_record(0, 0.9, 2000, design=3), make_record(1, 0.5, 2000, design=3)]
    steady = [make_record(2, 0.8, 1000, design=2)]
    assert [r.number for r in pareto_front([*lucky, *steady])] == [2]
    assert [r.number for r in pareto_front([lucky[0], *steady])] == [2, 0]
    history = hypervolume_history([*lucky, *steady])
    assert [point.hypervolume for point in history][-1] == pytest.approx(hypervolume([*lucky, *steady]))
    assert history[1].hypervolume < history[0].hypervolume
