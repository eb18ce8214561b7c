"""Workers that train side by side: Ray's, on one machine of the cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sasa_nas.errors import one_line
from sasa_nas.searching.driver.packing.policy import CARD_TRIALS
from sasa_nas.searching.worker.probe import Material, Probe, ProbeTask, Throughput

PATIENCE = 300.0
"""Seconds after which a worker that does not answer counts as failed."""
CARD_PART = 0.03
"""Share of a card for each worker, so that as many as are ever tried get the same one."""
assert CARD_PART * max(CARD_TRIALS) <= 1.0


@dataclass(frozen=True)
class Machine:
    """A machine of the cluster, as Ray counts it: cores, cards, and bytes of memory for workers."""

    name: str
    cpus: int
    cards: int
    memory_bytes: int
    alike: int = 1
    """Machines of the cluster that can train, this one among them."""


class WorkerPool(Protocol):
    """Pool of workers that train side by side."""

    def train(self, tasks: Sequence[ProbeTask]) -> list[Throughput]:
        """Lets as many workers as there are tasks train at the same time; the first order is the first worker's."""


def smallest_machine(*, with_card: bool) -> Machine | None:
    """Return the machine with the fewest cores that can train: what a trial's share may be, it can be on all of them.

    Args:
        with_card: Whether it must have a GPU.
    """
    machines = [
        Machine(
            name=node["NodeID"],
            cpus=int(node["Resources"].get("CPU", 0)),
            cards=int(node["Resources"].get("GPU", 0)),
            memory_bytes=int(node["Resources"].get("memory", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    able = [machine for machine in machines if machine.cpus >= 1 and (machine.cards >= 1 or not with_card)]
    smallest = min(able, key=lambda machine: (machine.cpus, machine.name), default=None)
    return smallest and replace(smallest, alike=len(able))


@contextmanager
def worker_pool(machine: Machine, material: Material) -> Iterator[WorkerPool]:
    """Workers on `machine` for the length of a `with` block."""
    pool = _RayWorkerPool(machine, material)
    try:
        yield pool
    finally:
        pool.shut_down()


class _RayWorkerPool:
    def __init__(self, machine: Machine, material: Material) -> None:
        self._material = material
        self._hire = ray.remote(Probe).options(
            num_cpus=1,
            num_gpus=CARD_PART if material.device == "cuda" else 0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(machine.name, soft=False),
        )
        self._workers: list[Any] = []

    def train(self, tasks: Sequence[ProbeTask]) -> list[Throughput]:
        """Lets them train; a worker that dies is replaced the next time."""
        while len(self._workers) < len(tasks):
            self._workers.append(self._hire.remote(self._material))
        at_work = self._workers[: len(tasks)]
        answers = [worker.train.remote(task) for worker, task in zip(at_work, tasks, strict=True)]
        return [self._answer(worker, answer) for worker, answer in zip(at_work, answers, strict=True)]

    def shut_down(self) -> None:
        """End their processes."""
        for worker in self._workers:
            ray.kill(worker)
        self._workers.clear()

    def _answer(self, worker: Any, answer: Any) -> Throughput:
        try:
            throughput: Throughput = ray.get(answer, timeout=PATIENCE)
        except RayError as error:
            ray.kill(worker)
            self._workers.remove(worker)
            return Throughput(0.0, 0, error=f"a worker failed ({one_line(error)[:200]})")
        return throughput
