"""Measures how trials best share a machine or a card, and settles the search's settings accordingly."""

import math
from collections.abc import Sequence
from dataclasses import replace

import ray

from sasa_nas.data.download import default_data_dir
from sasa_nas.errors import UserError
from sasa_nas.operators.plugins import loaded_operators
from sasa_nas.run import SearchSettings
from sasa_nas.run.packing import MeasuredShare, Packing, Share
from sasa_nas.searching.driver.packing.designs import probed_designs
from sasa_nas.searching.driver.packing.policy import card_shares, choose, fitting, machine_shares, together
from sasa_nas.searching.driver.packing.worker_pool import Machine, WorkerPool, smallest_machine, worker_pool
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.worker.probe import Material, ProbeTask, Throughput
from sasa_nas.space import Architecture

SECONDS = 0.5
"""Seconds of one measurement."""
REPEATS = 3


def pack(plan: SearchPlan, observer: SearchObserver) -> tuple[SearchPlan, Packing | None]:
    """Return the plan with the shares that its settings leave open; Ray runs.

    Args:
        plan: Plan of the search.
        observer: Observer of the measurement and its result.

    Returns:
        The settled plan, and what was measured; None if nothing was.

    Raises:
        UserError: If nothing can be measured, or what is asked for makes no sense.
    """
    settings = plan.settings
    if not settings.auto:
        return plan, None
    has_cards = ray.cluster_resources().get("GPU", 0.0) >= 1.0
    on_cards = has_cards and ("gpus" in settings.auto or settings.gpus_per_trial > 0)
    if on_cards and "gpus" not in settings.auto:
        raise UserError(
            "--cpus-per-trial auto divides the processor among trials that train on it, but these train on a GPU; "
            "give it a number, or use --gpus-per-trial auto"
        )
    if not on_cards and "cpus" not in settings.auto:
        return replace(plan, settings=settings.model_copy(update={"gpus_per_trial": 0.0})), None
    machine = smallest_machine(with_card=on_cards)
    if machine is None:
        raise UserError("no machine of the Ray cluster has a CPU to spare for a trial")
    observer.measuring()
    material = Material(
        designs=tuple(design.model_dump_json() for design in probed_designs(plan)),
        operators=loaded_operators(),
        proxy=plan.sent_proxy,
        data_dir=(settings.data_dir or default_data_dir()).resolve(),
        device="cuda" if on_cards else "cpu",
        seed=settings.seed,
    )
    with worker_pool(machine, material) as pool:
        packing = measure(pool, material, machine, settings)
    observer.packed(packing)
    update = {"cpus_per_trial": packing.chosen.share.cpus, "gpus_per_trial": packing.gpus_per_trial}
    return replace(plan, settings=settings.model_copy(update=update)), packing


def measure(
    pool: WorkerPool,
    material: Material,
    machine: Machine,
    settings: SearchSettings,
    *,
    seconds: float = SECONDS,
    repeats: int = REPEATS,
) -> Packing:
    """Trains the networks of `material` side by side in every way that is worth it, and chooses.

    In each round the workers train designs that differ from one to the next, as in a search; over all rounds each
    worker trains each design. Measurements alternate, so that whatever else the machine does hits all ways alike.

    Args:
        pool: Pool of workers that train.
        material: Designs and data that the pool trains, the design that needs most memory first.
        machine: Machine of the pool.
        settings: Settings of the search.
        seconds: Seconds of one measurement.
        repeats: Measurements of every way in every round.

    Raises:
        UserError: If a single training fails, or all ways to share do.
    """
    first = pool.train([ProbeTask(design=0, threads=1, seconds=seconds)])[0]
    if first.error is not None:
        raise _unmeasurable(first.error)
    on_cards = material.device == "cuda"
    capacity = first.card_bytes if on_cards and first.card_bytes is not None else machine.memory_bytes
    fit = fitting(first.peak_bytes, capacity)
    # trials spread over all machines, and all cards of each
    most = math.ceil(min(settings.workers or settings.trials, settings.trials) / machine.alike)
    if on_cards:
        cpus, most = machine.cpus // machine.cards, math.ceil(most / machine.cards)
        shares = card_shares(cpus, cpus_per_trial=settings.cpus_per_trial, most=most, fit=fit)
    else:
        shares = machine_shares(machine.cpus, most=most, fit=fit)
    measured, errors = _measured(pool, shares, len(material.designs), seconds, repeats)
    if not any(one.images_per_second for one in measured):
        raise _unmeasurable(errors[0])
    return Packing(
        device="cuda" if on_cards else "cpu",
        device_name=first.device_name,
        architecture_ids=tuple(
            architecture.id for architecture in map(Architecture.model_validate_json, material.designs)
        ),
        trial_bytes=first.peak_bytes,
        capacity_bytes=capacity,
        measured=tuple(measured),
        chosen=choose(measured),
    )


def _measured(
    pool: WorkerPool, shares: Sequence[Share], designs: int, seconds: float, repeats: int
) -> tuple[list[MeasuredShare], list[str]]:
    """Return the throughput of each way to share, and the errors."""
    rounds: dict[Share, list[list[list[Throughput]]]] = {share: [] for share in shares}
    widest = max(shares, key=lambda share: share.trials)
    for start in range(designs):
        pool.train(_tasks(widest, start, designs, 0.0))  # whoever gets ready late would have the machine alone
        for share in shares:
            rounds[share].append([])
        for repeat in range(repeats):
            for share in shares if repeat % 2 == 0 else reversed(shares):
                rounds[share][-1].append(pool.train(_tasks(share, start, designs, seconds)))
    errors: list[str] = []
    measured: list[MeasuredShare] = []
    for share in shares:
        throughputs = [
            [[repetition[worker].images_per_second for repetition in one] for one in rounds[share]]
            for worker in range(share.trials)
        ]
        measured.append(MeasuredShare(share=share, images_per_second=together(throughputs)))
        errors += [
            throughput.error
            for one in rounds[share]
            for repetition in one
            for throughput in repetition
            if throughput.error
        ]
    return measured, errors


def _tasks(share: Share, start: int, designs: int, seconds: float) -> list[ProbeTask]:
    """One order a worker: neighbours train different designs."""
    return [ProbeTask((start + worker) % designs, share.cpus, seconds) for worker in range(share.trials)]


def _unmeasurable(reason: str) -> UserError:
    return UserError(
        f"a trial's share of the machine cannot be measured: {reason}; give --cpus-per-trial and --gpus-per-trial "
        "numbers instead of auto"
    )
