"""The mixed model against dense Gaussian conditioning, and on planted networks."""

import numpy as np
import pytest
from numpy.random import Generator

from sasa_nas.surrogate.conditional import Conditional
from sasa_nas.surrogate.factors import Matrix, Vector
from sasa_nas.surrogate.mixed_model import FLAT, GRID, MixedModel, fit


def planted(
    generator: Generator, counts: Vector, *, columns: float, network: float, noise: float
) -> tuple[MixedModel, Vector]:
    """A model of networks with such standard deviations, and their true values."""
    x = generator.standard_normal((len(counts), 6))
    true = 0.7 + x @ (columns * generator.standard_normal(6)) + network * generator.standard_normal(len(counts))
    trainings = [value + noise * generator.standard_normal(int(n)) for value, n in zip(true, counts, strict=True)]
    means = np.array([each.mean() for each in trainings])
    within = sum(((each - each.mean()) ** 2).sum() for each in trainings)
    return fit(means, counts, float(within), x), true


def conditioned(part: Conditional, counts: Vector, means: Vector) -> tuple[Vector, Matrix]:
    """Mean and covariance of the networks' values given all trainings, from their joint normal distribution."""
    prior = np.diag([FLAT * part.noise**2, *[part.slope**2] * (part.columns.shape[1] - 1)])
    own = part.columns @ prior @ part.columns.T + part.network**2 * np.eye(len(counts))
    gain = own @ np.linalg.inv(own + np.diag(part.noise**2 / counts))
    return means.mean() + gain @ (means - means.mean()), own - gain @ own


def test_it_is_the_conditional_distribution() -> None:
    generator = np.random.default_rng(0)
    counts = np.array([1.0, 2.0, 3.0] * 6)
    x = generator.standard_normal((18, 4))
    means = x @ np.array([0.03, 0.0, -0.02, 0.01]) + 0.02 * generator.standard_normal(18)
    model = fit(means, counts, 0.01, x)
    for part in model.parts:
        mean, covariance = conditioned(part, counts, means)
        assert part.mean == pytest.approx(mean, abs=1e-6)
        assert part.variance == pytest.approx(np.diag(covariance), rel=2e-3)
        draws = part.draws(40_000, generator, np.empty((0, 0)))
        assert draws.mean(axis=0) == pytest.approx(mean, abs=1e-3)
        assert np.allclose(np.cov(draws.T), covariance, atol=0.05 * float(np.diag(covariance).max()))


def test_fixed_coefficients_are_those_of_generalised_least_squares() -> None:
    generator = np.random.default_rng(6)
    counts = np.array([1.0, 2.0] * 10)
    x = generator.standard_normal((20, 5))
    means = x @ np.array([0.4, -0.2, 0.0, 0.01, 0.0]) + 0.02 * generator.standard_normal(20)
    model = fit(means, counts, 0.01, x, fixed=2)
    assert model.free == 30 - 1 - 2
    weights = np.array([1.0, 0.5, 0.0, 0.0, 2.0])
    found = []
    for part in model.parts:
        own = part.slope**2 * x[:, 2:] @ x[:, 2:].T + part.network**2 * np.eye(20) + np.diag(part.noise**2 / counts)
        inverse, unknown = np.linalg.inv(own), np.column_stack([np.ones(20), x[:, :2]])
        covariance = np.linalg.inv(unknown.T @ inverse @ unknown)
        coefficients = covariance @ unknown.T @ inverse @ means
        # a prior variance of ten thousand times the noise's is next to none
        assert part.coefficients[1:3] == pytest.approx(coefficients[1:], abs=1e-4)
        assert part.covariance[:3, :3] == pytest.approx(covariance, rel=5e-3, abs=1e-7)
        full = np.concatenate([[0.0], weights])
        found.append((full @ part.coefficients, full @ part.covariance @ full))
    mean, sd = model.combination(weights)
    each, variances = (np.array(values) for values in zip(*found, strict=True))
    assert mean == pytest.approx(model.weights @ each)
    assert sd**2 == pytest.approx(model.weights @ variances + model.weights @ (each - mean) ** 2)


def test_its_parts_are_weighed_by_how_well_they_explain_the_trainings() -> None:
    generator = np.random.default_rng(5)
    model, _ = planted(generator, np.full(30, 2.0), columns=0.005, network=0.01, noise=0.005)
    draws = model.draws(40_000)
    assert draws.mean(axis=0) == pytest.approx(model.mean, abs=2e-4)
    assert draws.std(axis=0) == pytest.approx(model.sd, rel=0.05)
    ratios = [(part.network / part.noise) ** 2 for part in model.parts]
    assert {round(float(np.log(ratio)), 6) for ratio in ratios} <= {round(float(value), 6) for value in GRID}
    assert model.weights.sum() == pytest.approx(1.0)
    assert model.weights[np.array(ratios) < 0.5].sum() < 0.05


@pytest.mark.parametrize(("network", "twice"), [(0.0, 0), (0.003, 0), (0.01, 0), (0.0, 16), (0.003, 16), (0.01, 16)])
def test_intervals_hold_the_true_values(network: float, twice: int) -> None:
    generator = np.random.default_rng(1)
    counts = np.where(np.arange(48) < twice, 2.0, 1.0)
    held, errors = [], []
    for _ in range(25):
        model, true = planted(generator, counts, columns=0.005, network=network, noise=0.007)
        held.append((np.abs(model.mean - true) < 1.96 * model.sd).mean())
        errors.append(((model.mean - true) ** 2).mean())
    assert np.mean(held) > 0.93
    # nearer to the truth than the means of the trainings are
    assert np.mean(errors) < 0.95 * (0.007**2 / counts).mean()


def test_variances_are_found_where_networks_are_repeated() -> None:
    generator = np.random.default_rng(2)
    models = [planted(generator, np.full(60, 3.0), columns=0.004, network=0.01, noise=0.005)[0] for _ in range(20)]
    assert np.mean([model.noise for model in models]) == pytest.approx(0.005, rel=0.1)
    assert np.mean([model.network for model in models]) == pytest.approx(0.01, rel=0.15)


def test_a_network_that_was_never_trained_is_predicted() -> None:
    generator = np.random.default_rng(3)
    x, slopes = generator.standard_normal((200, 3)), np.array([0.02, -0.01, 0.0])
    model = fit(0.5 + x @ slopes + 0.001 * generator.standard_normal(200), np.ones(200), 0.0, x)
    new = generator.standard_normal((50, 3))
    mean, sd = model.predict(new)
    assert mean == pytest.approx(0.5 + new @ slopes, abs=2e-3)
    assert (sd >= model.network).all()
    assert (sd < 0.01).all()


def test_networks_that_do_not_differ_are_expected_where_they_are() -> None:
    model = fit(np.full(10, 1.0), np.ones(10), 0.0, np.random.default_rng(4).standard_normal((10, 2)))
    assert model.mean == pytest.approx(np.ones(10), abs=1e-4)
    assert (model.sd < 1e-4).all()


def test_draws_of_untrained_networks_belong_to_those_of_trained_ones() -> None:
    generator = np.random.default_rng(7)
    x = generator.standard_normal((26, 3))
    means = 0.7 + x[:20] @ np.array([0.02, -0.01, 0.0]) + 0.005 * generator.standard_normal(20)
    counts = np.full(20, 2.0)
    model = fit(means, counts, 0.001, x[:20])
    draws = model.draws(40_000, untrained=x[20:])
    assert draws.shape == (40_000, 26)
    mean, sd = model.predict(x[20:])
    assert draws[:, 20:].mean(axis=0) == pytest.approx(mean, abs=3e-4)
    assert draws[:, 20:].std(axis=0) == pytest.approx(sd, rel=0.05)
    # their covariance with the trained, by conditioning all 26 on the trainings of 20
    expected = np.zeros((20, 6))
    for part, weight in zip(model.parts, model.weights, strict=True):
        full = np.column_stack([np.ones(26), x])
        prior = np.diag([FLAT * part.noise**2, *[part.slope**2] * 3])
        joint = full @ prior @ full.T + part.network**2 * np.eye(26)
        seen = joint[:20, :20] + np.diag(part.noise**2 / counts)
        covariance = joint - joint[:, :20] @ np.linalg.inv(seen) @ joint[:20]
        expected += weight * covariance[:20, 20:]
    found = np.cov(draws.T)[:20, 20:]
    assert np.allclose(found, expected, atol=0.1 * float(np.abs(np.cov(draws.T)).max()))
