"""Fixtures for the whole suite: a run's folder made from trial records, without a search."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.run import Outcome, RunFolder, RunInfo, SearchSettings, TrialRecord
from sasa_nas.run.stored_trial import Sampling, StoredTrial
from sasa_nas.run.trial_log import write_log
from sasa_nas.space import Architecture, Image, Stage, load_space
from sasa_nas.stems.conv import ConvStem

# The same seed on every machine and in every run; another profile looks for new cases: --hypothesis-profile=default.
# Cases may still differ with the modules that a process has loaded, whose constants Hypothesis tries as values.
hypothesis.settings.register_profile("seeded", derandomize=True, database=None)
hypothesis.settings.load_profile("seeded")

# one for all Rays of a process, which reads it once: the default one lies in the home folder, which tests exchange
os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", "7e57" * 16
# what `keep_ray_quiet` sets, which Ray reads when the first test of a process imports it (tests/cluster/test_quiet.py)
os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."

MakeRun = Callable[..., Path]
MakeRecord = Callable[..., TrialRecord]


@pytest.fixture(autouse=True)
def wide_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as in a pipe, whatever the window, or pytest-xdist, says in COLUMNS."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def decoded_images(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where images are decoded to: not the user's own cache, which keeps compiled loops all the same."""
    place = tmp_path_factory.getbasetemp() / "decoded"
    monkeypatch.setattr("sasa_nas.data.decoded.decoded_images_folder", lambda: place)
    return place


@pytest.hookimpl(trylast=True)  # once those that are not asked for are gone
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that processes side by side end together.

    First those with tests that are given most time, then those with most slow ones.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    allowed: Counter[Path] = Counter()
    for item in items:
        for mark in item.iter_markers("timeout"):
            allowed[item.path] = max(allowed[item.path], mark.args[0])
    items.sort(key=lambda item: (-allowed[item.path], -slow[item.path]))


@pytest.fixture
def make_record() -> MakeRecord:
    """Makes a trial's record; its network has window attention in the stages that `pattern` marks with an L.

    Networks are all different, but for those of one `pattern` and `design`.
    """

    def make(
        number: int,
        accuracy: float | None = None,
        flops: int | None = None,
        *,
        outcome: Outcome | None = None,
        pattern: str = "CL",
        params: int = 1000,
        design: int | None = None,
    ) -> TrialRecord:
        stages = tuple(
            Stage(blocks=1, width=16, operator=LocalAttention(kernel_size=5) if letter == "L" else Conv())
            for letter in pattern
        )
        return TrialRecord(
            number=number,
            outcome=outcome or (Outcome.TRAINED if accuracy is not None else Outcome.RUNNING),
            architecture=Architecture(
                stem=ConvStem(width=8 + (number if design is None else design)),
                stages=stages,
                image=Image(channels=1, height=8, width=8),
                num_classes=10,
            ),
            accuracy=accuracy,
            flops=flops,
            params=params,
            epochs=3,
            seconds=1.5,
        )

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run of the space `tiny` with these trials, numbered in their order, and returns its folder."""

    def make(records: Sequence[TrialRecord], name: str = "run") -> Path:
        folder = RunFolder(tmp_path / name)
        folder.trials.mkdir(parents=True)
        info = RunInfo(
            space=load_space("tiny").model_dump(mode="json", warnings=False),
            settings=SearchSettings(trials=8),
            created=datetime(2024, 1, 1, tzinfo=UTC),
            command="sasa-nas search --space tiny",
            versions={},
            git=None,
            device="cpu",
        )
        folder.info.write_text(info.model_dump_json(), encoding="utf-8")
        numbered = (record.model_copy(update={"number": number}) for number, record in enumerate(records))
        write_log(folder.log, (StoredTrial(record, Sampling()) for record in numbered))
        for record in records:
            if record.architecture is not None:
                file = folder.trial(record.number).architecture
                file.parent.mkdir()
                file.write_text(record.architecture.to_json(), encoding="utf-8")
        return folder.path

    return make
