"""Parts carried out by processes side by side: their cores and GPUs, their messages, and their ends."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sasa_nas.errors import UserError
from sasa_nas.workflows.slots import Slot, run_in_slots, slots_of


class Listed:
    """A schedule of parts in their order, and what became of them."""

    def __init__(self, parts: list[str]) -> None:
        self.waiting = parts
        self.messages: dict[str, list[Any]] = {}
        self.ends: dict[str, str | None] = {}
        self.now = self.most = 0

    def take(self) -> tuple[str, str] | None:
        if not self.waiting:
            return None
        self.now += 1
        self.most = max(self.most, self.now)
        part = self.waiting.pop(0)
        return part, part

    def received(self, part: str, message: Any) -> None:
        self.messages.setdefault(part, []).append(message)

    def ended(self, part: str, failure: str | None) -> None:
        self.now -= 1
        self.ends[part] = failure


def act(part: str, send: Callable[[Any], None]) -> None:
    if part == "killed":
        send("begun")
        os.kill(os.getpid(), signal.SIGKILL)
    if part == "failing":
        raise ValueError("no such thing")
    send((sorted(os.sched_getaffinity(0)), os.environ.get("CUDA_VISIBLE_DEVICES"), torch.get_num_threads()))
    for number in range(2000 if part == "talking" else 1):
        send(number)


def test_slots_divide_cores_and_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 4, 7, 6})
    assert slots_of(2, 1, []) == [Slot((4, 5)), Slot((6, 7))]
    assert slots_of(3, 1, ["0", "1"]) == [Slot((4,), ("0",)), Slot((5,), ("1",)), Slot((6, 7), ("0",))]
    assert slots_of(2, 2, ["a", "b", "c", "d"]) == [Slot((4, 5), ("a", "b")), Slot((6, 7), ("c", "d"))]
    # more slots than cores share them
    assert [slot.cores for slot in slots_of(5, 1, [])] == [(4,), (4,), (5,), (6,), (7,)]
    with pytest.raises(UserError, match="2 trainings at once by 2 GPUs each need 4 GPUs, and this machine has 3"):
        slots_of(2, 2, ["0", "1", "2"])


@pytest.mark.slow
def test_each_part_has_its_slot_and_only_its_own_end() -> None:
    core = min(os.sched_getaffinity(0))
    slots = [Slot((core,), ("GPU-a",)), Slot((core,), ("GPU-a",))]
    schedule = Listed(["killed", "well", "failing", "talking", "last"])
    run_in_slots(act, slots, schedule)
    assert schedule.most == 2
    assert schedule.ends == {
        "killed": "was killed by SIGKILL",
        "failing": "failed: ValueError: no such thing",
        "well": None,
        "talking": None,
        "last": None,
    }
    seen = ([core], "GPU-a", 1)
    assert schedule.messages == {
        "killed": ["begun"],
        "well": [seen, 0],
        "talking": [seen, *range(2000)],
        "last": [seen, 0],
    }
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != "GPU-a"


@pytest.mark.slow
def test_an_error_of_the_receiver_is_not_taken_for_an_end() -> None:
    class Full(Listed):
        def received(self, part: str, message: Any) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_in_slots(act, slots_of(1, 1, []), Full(["well"]))


def sleep(part: str, send: Callable[[Any], None]) -> None:
    send(os.getpid())
    time.sleep(60)


@pytest.mark.slow
def test_an_interrupt_leaves_no_process() -> None:
    class Stopped(Listed):
        def received(self, part: str, message: Any) -> None:
            super().received(part, message)
            if len(self.messages) == 2:
                raise KeyboardInterrupt

    schedule = Stopped(["a", "b"])
    with pytest.raises(KeyboardInterrupt):
        run_in_slots(sleep, slots_of(2, 1, []), schedule)
    numbers = [number for sent in schedule.messages.values() for number in sent]
    assert len(numbers) == 2
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
