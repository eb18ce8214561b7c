"""Racing: further trainings of the networks whose place on the front is least certain."""

from collections.abc import Sequence

import numpy as np

from sasa_nas.run import Arm, Outcome, TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.surrogate.posterior import Posterior, posterior_of


def least_certain(records: Sequence[TrialRecord], objectives: Sequence[str]) -> int | None:
    """Return the network that one more training would tell most about.

    A network is worth a training the more, the nearer its chance of being on the front is to one half, and the more a
    training narrows its expected accuracy. Trainings under way count as if they had come out as expected, so that
    workers side by side do not all train the same network.

    Args:
        records: All trials of a run.
        objectives: Names of the front's objectives.

    Returns:
        Number of the network's first trial; None if too few networks are trained for a model.
    """
    posterior = posterior_of(Designs(records))
    if posterior is None:
        return None
    under_way = [r for r in records if r.arm is Arm.SETTLE and r.outcome is Outcome.RUNNING]
    if under_way:
        means = {network.architecture_id: network.accuracy for network in posterior.expected}
        done = {"outcome": Outcome.TRAINED}
        imagined = [r.model_copy(update=done | {"accuracy": means.get(r.architecture_id)}) for r in under_way]
        rest = [r for r in records if r.outcome is not Outcome.RUNNING]
        posterior = posterior_of(Designs([*rest, *imagined])) or posterior
    return posterior.networks[int(np.argmax(_worth(posterior, objectives)))].number


def _worth(posterior: Posterior, objectives: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the worth of a training of each network."""
    chances = posterior.front_chances(objectives)
    variance = posterior.model.sd**2
    narrowed: np.ndarray[tuple[int], np.dtype[np.float64]] = variance / (variance + posterior.model.noise**2)
    return chances * (1.0 - chances) * narrowed
