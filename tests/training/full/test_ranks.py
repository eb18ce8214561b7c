"""Several processes do the work of one, and survive the end of any of them."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from full_cases import Case, Frozen, network, recipe, splits, train_case, train_cases
from torch import Tensor, nn
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.errors import UserError
from sasa_nas.training.full.processes import RankFailed, run_ranks
from sasa_nas.training.full.ranks import ALONE, Ranks, launched_ranks
from sasa_nas.training.full.trainer import FullTrainer

Events = list[tuple[str, Any]]


def events_of(work: Any, case: Any, size: int) -> Events:
    events: Events = []
    run_ranks(work, case, size, events.append)
    return events


def alone(case: Case) -> Events:
    events: Events = []
    with one_thread():
        train_case(ALONE, case, events.append)
    return events


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_two_ranks_are_one_that_accumulates(tmp_path: Path) -> None:
    names = ("sasa", "rsb", "aa_cifar")
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    one, two = (
        [Case(recipe(name), tmp_path / str(number), seed) for seed, name in enumerate(names)] for number in (1, 2)
    )
    wanted = [event for case in one for event in alone(case)]
    assert [event for event, _ in wanted] == ["started", *["advanced"] * 3, "weights"] * 3
    assert events_of(train_cases, two, 2) == wanted


def numbers_of(events: Events) -> Tensor:
    """All losses, accuracies and weights of a training, in order."""
    content = [list(value.values()) if event == "weights" else value for event, value in events[1:]]
    found: list[float] = []
    waiting: list[Any] = content[::-1]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple):
            waiting.extend(reversed(item))
        else:
            found.append(float(item))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.slow
def test_any_number_of_ranks_computes_the_parts_of_those_that_a_batch_is_divided_for(tmp_path: Path) -> None:
    # of 3, 3 and 2 images; a rank of two has two of them
    names = ("rsb", "sasa")
    wanted, two, three = (
        [
            Case(recipe(name, micro_batch=8), tmp_path / str(number), seed, 3, frozen=False)
            for seed, name in enumerate(names)
        ]
        for number in (1, 2, 3)
    )
    for cases in (wanted, two, three):
        cases[0].folder.mkdir()
    alone_found = numbers_of([event for case in wanted for event in alone(case)])
    for size, cases in ((2, two), (3, three)):
        torch.testing.assert_close(numbers_of(events_of(train_cases, cases, size)), alone_found, rtol=1e-9, atol=1e-9)


def test_unequal_parts_of_a_batch_count_by_their_images(tmp_path: Path) -> None:
    def weights(divided_for: int) -> Tensor:
        without_dropout = nn.Sequential(*(layer for layer in network() if not isinstance(layer, nn.Dropout)))
        trainer = FullTrainer(
            Frozen(without_dropout),
            splits(),
            recipe("sasa", micro_batch=8, epochs=2),
            seed=5,
            device=torch.device("cpu"),
            divided_for=divided_for,
        )
        assert trainer.batches.parts == divided_for
        for _ in trainer.epochs():
            pass
        return torch.cat([weight.flatten() for weight in trainer.model.parameters()])

    torch.testing.assert_close(weights(3), weights(1), rtol=1e-12, atol=1e-12)


def killed_midway(ranks: Ranks, store: Store, case: tuple[Case, int, int], send: Callable[[Any], None]) -> None:
    """Train, but end one rank like `kill -9` after so many checks."""
    (whole, victim, checks) = case
    _kill_after(checks, victim == ranks.rank)
    train_cases(ranks, store, [whole], send)


def _kill_after(checks: int, dies: bool) -> None:
    from sasa_nas.training.full.trainer import FullTrainer

    real, done = FullTrainer._count, 0

    def count(self: FullTrainer, losses: Any) -> None:
        nonlocal done
        real(self, losses)
        done += 1
        if dies and done > checks:
            os.kill(os.getpid(), signal.SIGKILL)

    FullTrainer._count = count  # type: ignore[method-assign]


@pytest.mark.slow
def test_killed_ranks_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    whole = Case(recipe("rsb"), tmp_path / "whole")
    whole.folder.mkdir()
    wanted = alone(whole)
    broken = Case(recipe("rsb"), tmp_path / "broken")
    broken.folder.mkdir()
    for victim, checks in ((0, 0), (1, 1), (0, 1), (1, 2), (1, 1)):
        with pytest.raises(RankFailed, match=f"process {victim} of 2 was killed by SIGKILL"):
            events_of(killed_midway, (broken, victim, checks), 2)
    rest = events_of(train_cases, [broken], 2)
    (_, begun), *_ = rest
    assert begun > 0
    assert rest[1:] == wanted[1 + begun :]


def raises(ranks: Ranks, store: Store, argument: str, send: Callable[[Any], None]) -> None:
    if ranks.rank == 1:
        raise ValueError(argument)
    send(ranks.size)


@pytest.mark.slow
def test_a_failure_is_one_line() -> None:
    with pytest.raises(RankFailed, match="process 1 of 2 failed: ValueError: the disk is gone"):
        events_of(raises, "the disk is gone", 2)


def test_a_launcher_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert launched_ranks() == ALONE
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UserError, match="RANK is not a number"):
        launched_ranks()
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(UserError, match="unset WORLD_SIZE"):
        launched_ranks()
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert launched_ranks() == Ranks(5, 8, 1)
    assert not launched_ranks().leads
