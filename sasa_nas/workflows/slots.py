"""Parts of a work, each carried out by a process of this machine with cores and GPUs of its own."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any, Generic, Protocol, TypeVar

import torch

from sasa_nas.child_processes import child_context, end_at_once, end_children, ending
from sasa_nas.errors import UserError, one_line
from sasa_nas.training.device import pick_device

Part = TypeVar("Part")
Work = Callable[[Any, Callable[[Any], None]], None]
"""Function of a module that carries out a part: its argument, and a function that sends a message about it."""


@dataclass(frozen=True)
class Slot:
    """Cores and GPUs for one part at a time.

    Attributes:
        cores: Numbers of the cores.
        gpus: GPUs by their names in `CUDA_VISIBLE_DEVICES`; empty if the process sees what this one sees.
    """

    cores: tuple[int, ...]
    gpus: tuple[str, ...] = ()

    def enter(self) -> None:
        """Restrict this process, and those that it will start, to the slot; no device has been used yet."""
        os.sched_setaffinity(0, self.cores)
        torch.set_num_threads(len(self.cores))
        if self.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)


def gpus_for(device: str) -> tuple[str, ...]:
    """Return the GPUs that trainings on a device may be divided among; none for a CPU, or for a GPU that was chosen.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        UserError: If there is no such device.
    """
    place = pick_device(device)
    if place.type == "cpu" or place.index is not None:
        return ()
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",") if named else [str(index) for index in range(count)]
    # what follows a name that is none is not seen
    return tuple(names[:count])


def slots_of(count: int, processes: int, gpus: Sequence[str]) -> list[Slot]:
    """Return slots of this machine, each with as many of its cores.

    Args:
        count: Number of slots.
        processes: GPUs of each slot; with one, several slots may share a GPU.
        gpus: GPUs to divide; empty to divide the cores alone.

    Raises:
        UserError: If there are too few GPUs.

    Examples:
        >>> [slot.gpus for slot in slots_of(2, 2, ["0", "1", "2", "3"])]
        [('0', '1'), ('2', '3')]
    """
    if gpus and processes > 1 and count * processes > len(gpus):
        raise UserError(
            f"{count} trainings at once by {processes} GPUs each need {count * processes} GPUs, and this machine has "
            f"{len(gpus)}; lower --at-once or --gpus"
        )
    cores = sorted(os.sched_getaffinity(0))
    slots = []
    for index in range(count):
        own = cores[index * len(cores) // count : (index + 1) * len(cores) // count] or [cores[index % len(cores)]]
        places = range(index * processes, (index + 1) * processes)
        slots.append(Slot(tuple(own), tuple(gpus[place % len(gpus)] for place in places) if gpus else ()))
    return slots


class Schedule(Protocol[Part]):
    """Parts to be carried out, and what becomes of them."""

    def take(self) -> tuple[Part, Any] | None:
        """Return the part that is to begin next and the argument of its work; None if none can, for now or at all."""

    def received(self, part: Part, message: Any) -> None:
        """Receive a message of the process that carries out a part."""

    def ended(self, part: Part, failure: str | None) -> None:
        """Take note that a part has ended.

        Args:
            part: The part.
            failure: Error of its process, in a line; None if there was none.
        """


@dataclass
class _Running(Generic[Part]):
    """A part that a process carries out."""

    part: Part
    slot: Slot
    process: ForkServerProcess
    messages: Connection
    failure: str | None = None
    """Error that its work did not foresee."""


@dataclass(frozen=True)
class _Broken:
    """Message about an error that the work did not foresee."""

    error: str


def run_in_slots(work: Work, slots: Sequence[Slot], schedule: Schedule[Part]) -> None:
    """Carry out all parts of a schedule, as many at a time as there are slots.

    A process that is killed or fails ends its own part alone. No process outlives this call, or this process.

    Args:
        work: Function that carries out a part, of a module that can be imported without using a device.
        slots: The slots.
        schedule: The parts, asked for in this thread.
    """
    context = child_context(work.__module__)
    free, running = list(slots), list[_Running[Part]]()
    try:
        while True:
            while free and (next_one := schedule.take()) is not None:
                part, argument = next_one
                ours, theirs = context.Pipe(duplex=False)
                slot = free.pop(0)
                process = context.Process(target=_run, args=(work, argument, slot, theirs))
                running.append(_Running(part, slot, process, ours))
                process.start()
                theirs.close()
            if not running:
                return
            waited = [place for one in running for place in (one.messages, one.process.sentinel)]
            ready = connection.wait(waited)
            for one in list(running):
                ended = one.process.sentinel in ready
                if not ended and one.messages not in ready:
                    continue
                _deliver(one, schedule, all_of_them=ended)
                if ended:
                    one.process.join()
                    one.messages.close()
                    running.remove(one)
                    free.append(one.slot)
                    died = ending(one.process) if one.process.exitcode else None
                    schedule.ended(one.part, one.failure or died)
    finally:
        end_children(one.process for one in running)


def _deliver(one: _Running[Part], schedule: Schedule[Part], *, all_of_them: bool) -> None:
    """Pass on the next message of a process, or all that it has left."""
    while True:
        try:
            if not one.messages.poll():
                return
            message = one.messages.recv()
        except (EOFError, OSError):
            # there is no more, or a killed process ended inside a message
            return
        if isinstance(message, _Broken):
            one.failure = message.error
        else:
            schedule.received(one.part, message)
        if not all_of_them:
            return


def _run(work: Work, argument: Any, slot: Slot, messages: Connection) -> None:
    end_at_once()
    slot.enter()
    try:
        work(argument, messages.send)
    except Exception as error:
        messages.send(_Broken(f"failed: {type(error).__name__}: {one_line(error)}"))
