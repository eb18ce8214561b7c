"""What is trained side by side and what is made of it, by a pool of formulas and by one of real trainings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from assertions import every

from sasa_nas.errors import UserError
from sasa_nas.run import SearchSettings
from sasa_nas.searching.driver.packing.designs import probed_designs
from sasa_nas.searching.driver.packing.pack import measure
from sasa_nas.searching.driver.packing.worker_pool import Machine
from sasa_nas.searching.plan import SearchPlan, dry_run
from sasa_nas.searching.worker.probe import Material, Probe, ProbeTask, Throughput
from sasa_nas.space import Architecture

MakePlan = Callable[..., SearchPlan]

GB = 10**9
MACHINE = Machine("machine", cpus=8, cards=0, memory_bytes=64 * GB)
SETTINGS = SearchSettings(trials=100)


def settings(**changes: int) -> SearchSettings:
    return SETTINGS.model_copy(update=changes)


@pytest.fixture
def plan(make_plan: MakePlan) -> SearchPlan:
    return make_plan()


@pytest.fixture
def material(plan: SearchPlan, tmp_path: Path) -> Material:
    designs = tuple(design.model_dump_json() for design in probed_designs(plan))
    return Material(designs, (), plan.space.proxy, tmp_path, "cpu", seed=0)


class Formulas:
    """Trains nothing: a processor on which `threads` threads are worth `threads ** gain` single ones."""

    def __init__(self, gain: float = 1.0, *, memory: int = GB, card: int | None = None, most: int = 99) -> None:
        self.gain = gain
        self.memory = memory
        self.card = card
        self.most = most
        self.tasks: list[list[ProbeTask]] = []

    def train(self, tasks: Sequence[ProbeTask]) -> list[Throughput]:
        self.tasks.append(list(tasks))
        if len(tasks) > self.most:
            return [Throughput(0.0, 0, error="OutOfMemoryError: full")] * len(tasks)
        # designs are unequal, and a card serves all with 400 images a second at most
        alone = [100.0 * task.threads**self.gain * (1 + task.design) for task in tasks]
        slowed = 1.0 if self.card is None else min(1.0, 400.0 / sum(alone))
        return [Throughput(slowed * throughput, self.memory, self.card, "a device") for throughput in alone]


@pytest.mark.parametrize(("gain", "threads"), [(0.5, 1), (1.0, 1), (1.1, 8), (0.98, 1)])
def test_threads_are_given_where_they_pay(material: Material, gain: float, threads: int) -> None:
    packing = measure(Formulas(gain), material, MACHINE, SETTINGS)
    assert packing.chosen.share.cpus == threads
    assert packing.chosen.share.trials == 8 // threads
    assert packing.gpus_per_trial == 0.0
    assert [one.share.cpus for one in packing.measured] == [1, 2, 4, 8]


def test_every_worker_trains_every_design_beside_others(material: Material) -> None:
    pool = Formulas()
    measure(pool, material, MACHINE, SETTINGS, repeats=3)
    designs = range(len(material.designs))
    full = [tasks for tasks in pool.tasks if len(tasks) == 8 and tasks[0].seconds > 0]
    assert len(full) == 3 * len(designs)
    for worker in range(8):
        assert sorted(tasks[worker].design for tasks in full) == sorted(3 * list(designs))
    assert {task.design for task in full[0]} == set(designs)


def test_what_memory_does_not_hold_is_not_tried(material: Material) -> None:
    pool = Formulas(memory=20 * GB)
    packing = measure(pool, material, MACHINE, SETTINGS)
    assert packing.trial_bytes == 20 * GB
    assert max(len(tasks) for tasks in pool.tasks) == 2
    assert packing.chosen.share.trials == 2


def test_few_wanted_trials_take_more_threads(material: Material) -> None:
    packing = measure(Formulas(0.8), material, MACHINE, settings(workers=2))
    assert (packing.chosen.share.trials, packing.chosen.share.cpus) == (2, 4)


def test_a_card_is_shared_up_to_what_it_gives(material: Material) -> None:
    on_card = replace(material, designs=material.designs[:1], device="cuda")
    machine = Machine("machine", cpus=32, cards=2, memory_bytes=GB)
    packing = measure(Formulas(card=80 * GB), on_card, machine, SETTINGS)
    assert [one.share.trials for one in packing.measured] == [1, 2, 3, 4, 6, 8, 12, 16]
    assert packing.chosen.share.trials == 4
    assert (packing.gpus_per_trial, packing.capacity_bytes) == (0.25, 80 * GB)


def test_trials_spread_over_all_cards_and_machines_first(material: Material) -> None:
    on_card = replace(material, device="cuda")
    machine = Machine("machine", cpus=32, cards=2, memory_bytes=GB, alike=4)
    packing = measure(Formulas(card=80 * GB), on_card, machine, settings(workers=8))
    assert [one.share.trials for one in packing.measured] == [1]


def test_a_crowd_that_fails_is_not_chosen(material: Material) -> None:
    packing = measure(Formulas(most=3), material, MACHINE, SETTINGS)
    assert [bool(one.images_per_second) for one in packing.measured] == [False, False, True, True]
    assert packing.chosen.share.cpus == 4


def test_nothing_that_can_be_measured_is_one_line(material: Material) -> None:
    with pytest.raises(UserError, match=r"cannot be measured: OutOfMemoryError: full; give --cpus-per-trial"):
        measure(Formulas(most=0), material, MACHINE, SETTINGS)


def test_the_largest_design_comes_first(plan: SearchPlan) -> None:
    designs = probed_designs(plan)
    assert 2 <= len({design.id for design in designs}) == len(designs) <= 3
    every = {design.architecture.id: design for design in dry_run(plan, 100)}
    assert len(every) == 8
    assert every[designs[0].id].memory == max(design.memory for design in every.values())
    assert designs == probed_designs(plan)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_a_probe_trains_and_tells_its_memory(material: Material) -> None:
    probe = Probe(material)
    first, again = (probe.train(ProbeTask(design=0, threads=1, seconds=seconds)) for seconds in (0.0, 0.02))
    assert first.error is None
    assert first.images_per_second > 0
    assert again.images_per_second > 0
    # a process that has loaded torch takes more than this and less than that
    assert 50e6 < again.peak_bytes < 50e9
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("threads")
def test_a_probe_survives_what_it_cannot_train(material: Material) -> None:
    small = material.proxy.recipe.model_copy(update={"batch_size": 1})
    probe = Probe(replace(material, proxy=material.proxy.model_copy(update={"recipe": small})))
    throughput = probe.train(ProbeTask(design=0, threads=1, seconds=0.0))
    assert throughput.images_per_second == 0.0
    assert throughput.error is not None
    assert "batch normalisation" in throughput.error


@pytest.mark.usefixtures("threads")
def test_a_machine_is_measured_by_real_trainings(material: Material) -> None:
    material = replace(material, designs=material.designs[:1])

    class InTurn:
        def __init__(self) -> None:
            self.probes = [Probe(material) for _ in range(2)]

        def train(self, tasks: Sequence[ProbeTask]) -> list[Throughput]:
            return [probe.train(order) for probe, order in zip(self.probes, tasks, strict=False)]

    machine = replace(MACHINE, cpus=2)
    packing = measure(InTurn(), material, machine, SETTINGS, seconds=0.0, repeats=1)
    assert [(one.share.trials, one.share.cpus) for one in packing.measured] == [(2, 1), (1, 2)]
    assert every(one.images_per_second > 0 for one in packing.measured)
    assert packing.architecture_ids == tuple(Architecture.model_validate_json(design).id for design in material.designs)
