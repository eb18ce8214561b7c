"""Runs in memory, from ten trials to five hundred, and a browser where there is one."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from headless import CHROMIUM, Page, chromium

from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.operators.patchwise import Patchwise
from sasa_nas.report.data import ReportData, assemble
from sasa_nas.run import Outcome, RunFolder, RunInfo, SearchSettings, TrialRecord
from sasa_nas.space import Architecture, Image, Stage, load_space
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem

OPERATORS = (
    Conv(),
    LocalAttention(kernel_size=7, num_heads=2),
    AugmentedConv(num_heads=2),
    Pairwise(kernel_size=3),
    Patchwise(kernel_size=5),
)
EPOCHS = 9


def record(number: int, generator: random.Random) -> TrialRecord:
    """A trial of a made-up search: later stages gain from attention, two thirds are stopped, a few fail."""
    operators = generator.choices(OPERATORS, k=4)
    stem = generator.choice([ConvStem(width=16), AttentionStem(width=16, num_heads=2)])
    stages = tuple(Stage(blocks=generator.randint(1, 3), width=16, operator=operator) for operator in operators)
    flops = round(10 ** generator.uniform(5.8, 7.0))
    gain = sum(0.01 * i for i, operator in enumerate(operators) if operator.kind != "conv")
    final = min(0.99, 0.72 + 0.1 * math.log10(flops / 5e5) + gain + generator.gauss(0, 0.015))
    outcome = generator.choices([Outcome.TRAINED, Outcome.STOPPED, Outcome.DIVERGED], [36, 62, 2])[0]
    epochs = {Outcome.TRAINED: EPOCHS, Outcome.STOPPED: generator.choice([1, 3])}.get(outcome, 2)
    curve = {e: final * (1 - 0.8 * math.exp(-0.7 * e)) for e in range(1, epochs)} | {epochs: final}
    return TrialRecord(
        number=number,
        outcome=outcome,
        architecture=Architecture(stem=stem, stages=stages, image=Image(channels=1, height=8, width=8), num_classes=10),
        accuracy=final if outcome is Outcome.TRAINED else None,
        flops=flops,
        params=flops // 30,
        epochs=epochs,
        rungs=curve,
        seconds=epochs * flops / 1e6,
        reason=None if outcome is Outcome.TRAINED else f"others were better after {epochs} epochs",
    )


@pytest.fixture
def make_report_data(tmp_path: Path) -> Callable[[Sequence[TrialRecord]], ReportData]:
    """What is known of a run of these trials, whose folder holds nothing."""

    def make(records: Sequence[TrialRecord], **changes: object) -> ReportData:
        info = RunInfo(
            space=load_space("resnet_hybrid").model_dump(mode="json", warnings=False),
            settings=SearchSettings(trials=max(len(records), 1)),
            created=datetime(2026, 1, 2, tzinfo=UTC),
            command="sasa-nas search --space resnet_hybrid",
            versions={"torch": "2.14"},
            git="0123456789ab+",
            device="cpu",
        )
        return assemble(RunFolder(tmp_path / "run"), info.model_copy(update=changes), records)

    return make


@pytest.fixture
def records() -> list[TrialRecord]:
    """Thirty trials."""
    generator = random.Random(0)
    return [record(number, generator) for number in range(30)]


@pytest.fixture
def long_run(make_report_data: Callable[..., ReportData]) -> ReportData:
    """Five hundred trials."""
    generator = random.Random(1)
    return make_report_data([record(number, generator) for number in range(500)])


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """A page in a headless browser; what needs it is skipped on a machine that has none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with chromium() as page:
        yield page
