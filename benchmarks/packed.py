"""Trials an hour of whole searches: one trial a card, or a CPU, against as many as were measured to be best."""

import tempfile
import time
from pathlib import Path

import torch

from sasa_nas.run import Outcome, SearchSettings, TrialRecord, read_info
from sasa_nas.run.packing import tell_packing
from sasa_nas.searching import observer, search
from sasa_nas.space import SearchSpace


class Clock(observer.SearchObserver):
    """Notes how many trials run at a time, and when they end."""

    def __init__(self) -> None:
        self.workers = 0
        self.ends: list[float] = []

    def workers_ready(self, workers: int) -> None:
        """Note the number."""
        self.workers = workers

    def trial_ended(self, record: TrialRecord) -> None:
        """Note the time, where a training ended."""
        if record.outcome is Outcome.TRAINED:
            self.ends.append(time.perf_counter())

    def trials_an_hour(self) -> float:
        """From the end of the first wave on, in which workers start up."""
        first = min(self.workers, len(self.ends) - 1)
        return 3600 * (len(self.ends) - first) / (self.ends[-1] - self.ends[first - 1])


def compare_packing(space: SearchSpace, *, trials: int, device: torch.device) -> dict[str, object]:
    """Search twice, with the same designs in the same order.

    Args:
        space: What is searched.
        trials: Of each search; at least two waves of them show a pace.
        device: What trials share.

    Returns:
        Trials an hour of both searches, their ratio, and what was measured before the second.
    """
    on_card = device.type == "cuda"
    plain = SearchSettings(trials=trials, sampler="random", balanced=0.0, gpus_per_trial=1.0 if on_card else 0.0)
    result: dict[str, object] = {"space": space.name, "trials": trials}
    paces: list[float] = []
    for name, settings in (
        ("default", plain),
        ("auto", plain.model_copy(update={"auto": ("gpus",) if on_card else ("cpus",)})),
    ):
        clock = Clock()
        with tempfile.TemporaryDirectory() as scratch:
            summary = search(space, settings, out=Path(scratch) / "run", observer=clock)
            packing = read_info(summary.folder).packing
        paces.append(clock.trials_an_hour())
        result[name] = {
            "trials_at_a_time": clock.workers,
            "trials_an_hour": paces[-1],
            "packing": packing and packing.model_dump(mode="json"),
        }
        print(f"{name:8} {clock.workers} at a time: {paces[-1]:.0f} trials an hour", flush=True)
        if packing is not None:
            print(tell_packing(packing), flush=True)
    result["auto_over_default"] = paces[1] / paces[0]
    return result
