"""Who is measured and where, told by Ray's tables; the measurement itself is in test_measure."""

from collections.abc import Callable
from typing import Any

import pytest

from sasa_nas.errors import UserError
from sasa_nas.searching.driver.packing import pack
from sasa_nas.searching.driver.packing.worker_pool import smallest_machine
from sasa_nas.searching.plan import SearchPlan

MakePlan = Callable[..., SearchPlan]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets Ray count so many GPUs."""
    return lambda count: monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0, "GPU": float(count)})


def test_what_a_person_says_is_not_measured(make_plan: MakePlan, notes) -> None:
    plan = make_plan(cpus_per_trial=3)
    assert pack(plan, notes) == (plan, None)
    assert notes.packings == []


def test_without_a_card_there_is_none_to_share(make_plan: MakePlan, notes, cards) -> None:
    cards(0)
    plan, packing = pack(make_plan(auto=("gpus",), gpus_per_trial=1.0), notes)
    assert packing is None
    assert (plan.settings.cpus_per_trial, plan.settings.gpus_per_trial) == (1, 0.0)


def test_threads_of_trials_on_a_card_are_not_measured(make_plan: MakePlan, notes, cards) -> None:
    cards(1)
    with pytest.raises(UserError, match=r"--cpus-per-trial auto divides the processor .* --gpus-per-trial auto"):
        pack(make_plan(auto=("cpus",), gpus_per_trial=1.0), notes)


def test_the_smallest_machine_that_can_train_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
        return {"NodeID": name, "Alive": alive, "Resources": resources}

    nodes = [
        node("head", memory=9.0),
        node("large", CPU=64.0, GPU=8.0, memory=99.0),
        node("gone", alive=False, CPU=1.0, GPU=1.0),
        node("small", CPU=2.0, memory=5.0),
        node("middle", CPU=16.0, GPU=1.0, memory=50.0),
    ]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    machine, with_card = smallest_machine(with_card=False), smallest_machine(with_card=True)
    assert machine is not None
    assert (machine.name, machine.cpus, machine.cards, machine.memory_bytes, machine.alike) == ("small", 2, 0, 5, 3)
    assert with_card is not None
    assert (with_card.name, with_card.cpus, with_card.cards, with_card.alike) == ("middle", 16, 1, 2)
    monkeypatch.setattr("ray.nodes", lambda: nodes[:1])
    assert smallest_machine(with_card=False) is None
