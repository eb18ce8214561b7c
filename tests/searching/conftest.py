"""Fixtures of the engine's tests: a small plan that needs no worker, and an observer that takes notes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sasa_nas.run import RunFolder, SearchSettings, TrialRecord
from sasa_nas.run.packing import Packing
from sasa_nas.searching.observer import EpochReport
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.sampler_choice import SamplerChoice
from sasa_nas.space import SearchSpace
from sasa_nas.space.files import validate_space

Edit = Callable[[dict[str, Any]], None]


class Notes:
    """An observer that keeps everything it is told."""

    def __init__(self) -> None:
        self.started: list[TrialRecord] = []
        self.ended: list[TrialRecord] = []
        self.epochs: list[EpochReport] = []
        self.earlier: list[TrialRecord] = []
        self.workers: list[int] = []
        self.packings: list[Packing] = []
        self.samplers: list[SamplerChoice] = []

    def decoding(self, done: int, images: int) -> None:
        pass

    def measuring(self) -> None:
        pass

    def packed(self, packing: Packing) -> None:
        self.packings.append(packing)

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        self.earlier = earlier

    def sampler_chosen(self, choice: SamplerChoice) -> None:
        self.samplers.append(choice)

    def workers_ready(self, workers: int) -> None:
        self.workers.append(workers)

    def trial_started(self, record: TrialRecord) -> None:
        self.started.append(record)

    def epoch_ended(self, report: EpochReport) -> None:
        self.epochs.append(report)

    def trial_ended(self, record: TrialRecord) -> None:
        self.ended.append(record)


def eight_networks() -> dict[str, Any]:
    """Three thin stages, each conv or window attention: eight networks that train in a blink."""
    operator = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}]}
    stages = [{"blocks": 1, "width": 8, "stride": stride, "operator": operator} for stride in (2, 2, 1)]
    return {
        "name": "eight",
        "block": "basic",
        "stem": {"kind": "conv", "width": 8},
        "stages": stages,
        "proxy": {"dataset": "digits", "image_size": 6, "recipe": {"epochs": 1, "batch_size": 64}},
    }


@pytest.fixture
def make_space() -> Callable[..., SearchSpace]:
    """Makes the space of eight networks, after `edit` has changed its plain data."""

    def make(edit: Edit | None = None) -> SearchSpace:
        data = eight_networks()
        if edit is not None:
            edit(data)
        return validate_space(data, "test")

    return make


@pytest.fixture
def make_plan(make_space: Callable[..., SearchSpace]) -> Callable[..., SearchPlan]:
    """Makes a plan on that space, with no balanced share unless one is asked for."""

    def make(
        edit: Edit | None = None, *, trials: int = 4, seed: int = 0, balanced: float = 0.0, **settings: Any
    ) -> SearchPlan:
        wanted = SearchSettings(trials=trials, seed=seed, workers=1, balanced=balanced, **settings)
        return plan_search(make_space(edit), wanted)

    return make


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "run"
    path.mkdir()
    return RunFolder(path)
