"""Latencies: what is measured of a clockwork, and what is kept between runs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from sasa_nas.cost import latency_cache
from sasa_nas.cost.latency import FEWEST_CALLS, Latency, measure_latency
from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.space import Architecture, Image, Stage

SETTING = Setting(torch.device("cpu"), "a processor")
ARCHITECTURE = Architecture(
    block="basic", stages=(Stage(blocks=1, width=8),), image=Image(channels=1, height=6, width=6), num_classes=10
)


class Clockwork(nn.Module):
    """Takes as long as it is told, one call after the other."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__()
        self.waits = waits
        self.calls: list[tuple[bool, bool, int]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append((self.training, torch.is_inference_mode_enabled(), torch.get_num_threads()))
        time.sleep(self.waits[min(len(self.calls), len(self.waits)) - 1])
        return x


def test_the_median_is_told_and_the_warm_up_is_not_counted() -> None:
    network = Clockwork([0.08, 0.08, 0.08, 0.004])
    found = measure_latency(network, torch.zeros(3, 1, 2, 2), threads=1, seconds=0.01)
    assert (found.batch, found.calls) == (3, FEWEST_CALLS)
    assert 0.004 <= found.low <= found.seconds <= found.high
    assert found.seconds < 0.04
    assert set(network.calls) == {(False, True, 1)}
    assert network.training


def test_the_process_is_left_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    latency_of(ARCHITECTURE, 1, replace(SETTING, threads=threads + 1), fresh=True)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("bad", [{"seconds": float("nan")}, {"low": 2.0}, {"high": float("inf")}, {"calls": 0}])
def test_what_cannot_be_is_no_latency(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no latency"):
        replace(Latency(batch=1, seconds=1.0, low=0.9, high=1.2, calls=9), **bad)
    assert Latency(batch=1, seconds=1.0, low=0.9, high=1.2, calls=9).noise == pytest.approx(0.3)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "sasa-nas" / "latency"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts measurements, each a second longer than the one before."""
    batches: list[int] = []

    def measure(network: nn.Module, x: torch.Tensor, *, threads: int) -> Latency:
        batches.append(len(x))
        seconds = float(len(batches))
        return Latency(batch=len(x), seconds=seconds, low=seconds, high=seconds, calls=9)

    monkeypatch.setattr(latency_cache, "measure_latency", measure)
    return batches


def test_one_measurement_serves_until_something_is_different(cache: Path, measured: list[int]) -> None:
    assert latency_of(ARCHITECTURE, 1, SETTING) == latency_of(ARCHITECTURE, 1, SETTING)
    assert measured == [1]
    other = ARCHITECTURE.model_copy(update={"num_classes": 9})
    latency_of(other, 1, SETTING)
    latency_of(ARCHITECTURE, 4, SETTING)
    latency_of(ARCHITECTURE, 1, replace(SETTING, threads=2))
    latency_of(ARCHITECTURE, 1, replace(SETTING, device_name="another processor"))
    latency_of(ARCHITECTURE, 1, replace(SETTING, dtype=torch.float64))
    assert len(measured) == 6
    assert len(list(cache.iterdir())) == 6
    assert latency_of(ARCHITECTURE, 1, SETTING, fresh=True).seconds == 7.0
    assert latency_of(ARCHITECTURE, 1, SETTING).seconds == 7.0


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "\x00", '{"facts": {}}', '{"latency": {"batch": 1}}', "other facts", "negative", "text"],
)
def test_a_damaged_entry_counts_as_none(cache: Path, measured: list[int], damage: str) -> None:
    latency_of(ARCHITECTURE, 1, SETTING)
    (file,) = cache.iterdir()
    kept = json.loads(file.read_text())
    match damage:
        case "other facts":
            kept["facts"]["batch"] = 2
        case "negative":
            kept["latency"]["low"] = -1.0
        case "text":
            kept["latency"]["seconds"] = "fast"
    file.write_text(json.dumps(kept) if damage in ("other facts", "negative", "text") else damage)
    assert latency_of(ARCHITECTURE, 1, SETTING).seconds == 2.0
    assert latency_of(ARCHITECTURE, 1, SETTING).seconds == 2.0
    assert len(measured) == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_are_measured_as_they_are_trained(cache: Path, monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    strides: list[tuple[int, ...]] = []

    def measure(network: nn.Module, x: torch.Tensor, *, threads: int) -> Latency:
        kernel = next(network.parameters())
        strides.extend((x.stride(), kernel.stride()))
        return Latency(batch=len(x), seconds=1.0, low=1.0, high=1.0, calls=9)

    monkeypatch.setattr(latency_cache, "measure_latency", measure)
    image = Image(channels=channels, height=6, width=6)
    latency_of(ARCHITECTURE.model_copy(update={"image": image}), 2, SETTING)
    of_images, of_kernel = strides
    assert of_images == (36 * channels, 1, 6 * channels, channels)
    assert (of_kernel[1], of_kernel[3]) == (1, channels)


def test_a_cache_that_cannot_be_written_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[int]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert latency_of(ARCHITECTURE, 1, SETTING).seconds == 1.0
    assert latency_of(ARCHITECTURE, 1, SETTING).seconds == 2.0


def test_only_a_measurement_wants_to_be_alone(cache: Path, measured: list[int]) -> None:
    entered: list[int] = []

    @contextmanager
    def alone() -> Iterator[None]:
        entered.append(len(measured))
        yield

    latency_of(ARCHITECTURE, 1, SETTING, alone=alone)
    latency_of(ARCHITECTURE, 1, SETTING, alone=alone)
    assert entered == [0]
