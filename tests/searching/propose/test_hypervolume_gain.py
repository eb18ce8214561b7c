"""Expected gains in hypervolume, against volumes counted cell by cell and those of another package."""

from itertools import product

import moocore
import numpy as np
import pytest

from sasa_nas.searching.propose.hypervolume_gain import expected_gains

CORNER = 8


def cells(points: np.ndarray) -> set[tuple[int, ...]]:
    """The unit cells between whole losses and a corner that any of the points dominates."""
    every_cell = product(range(CORNER), repeat=points.shape[1])
    return {cell for cell in every_cell if any(all(c >= p for c, p in zip(cell, row, strict=True)) for row in points)}


@pytest.mark.parametrize("costs", [0, 1])
def test_gains_of_one_draw_are_the_volumes_that_candidates_add(costs: int) -> None:
    generator = np.random.default_rng(costs)
    for _ in range(20):
        losses = generator.integers(0, 10, (10, 1 + costs))
        before = cells(losses[:4])
        expected = [len(cells(losses[[0, 1, 2, 3, i]]) - before) for i in range(4, 10)]
        corner = np.full(costs, float(CORNER))
        found = expected_gains(-losses[None, :, 0].astype(float), losses[:, 1:].astype(float), corner, -CORNER, 4)
        assert found == pytest.approx(expected)


def test_gains_are_averaged_over_draws() -> None:
    generator = np.random.default_rng(2)
    draws, costs = generator.random((5, 12)), generator.random((12, 1))
    corner = np.ones(1)
    alone = [expected_gains(draw[None], costs, corner, 0.2, 7) for draw in draws]
    assert expected_gains(draws, costs, corner, 0.2, 7) == pytest.approx(np.mean(alone, axis=0))


def test_gains_over_two_costs_are_near_the_exact_ones() -> None:
    generator = np.random.default_rng(3)
    draw, costs = generator.random(16), generator.random((16, 2))
    losses, corner = np.column_stack([-draw, costs]), np.array([-0.1, 1.0, 1.0])
    before = moocore.hypervolume(losses[:6], ref=corner)
    exact = [moocore.hypervolume(losses[[*range(6), i]], ref=corner) - before for i in range(6, 16)]
    # each draw has points of its own
    found = expected_gains(np.tile(draw, (100, 1)), costs, corner[1:], 0.1, 6)
    assert found == pytest.approx(exact, abs=0.005)
    assert int(found.argmax()) == int(np.argmax(exact))
