"""Bounds on the effect of attention by all trainings of a run, as `sasa-nas where --json` prints them."""

from pydantic import BaseModel, ConfigDict


class PlaceBound(BaseModel):
    """Bounds on the effect of attention in the stem or a stage: the mean of its kinds' effects against convolution.

    Attributes:
        factor: Path of the choice, as `stem` or `stages[0].operator`.
        levels: The kinds averaged.
        effect: Estimate of the effect on accuracy (0 to 1).
        low: Lower end of the interval, which holds with 95 % for all places together.
        high: Upper end of the interval.
    """

    model_config = ConfigDict(frozen=True)

    factor: str
    levels: list[str]
    effect: float
    low: float
    high: float


class Bounds(BaseModel):
    """Bounds on the effect of attention in each place, by a model of all trainings, the sampler's among them.

    Attributes:
        places: The stem, if it has a choice, and the stages, in order; at least one.
        trainings: Number of trainings that went to the end.
        designs: Number of distinct designs among them.
        failed: Number of trainings that diverged, broke, ran out of memory or took too long; they are left out.
        not_told: Paths of choices of which all networks attend, or all convolve.
        nothing_differs: Whether all trainings ended with the same accuracy.
    """

    model_config = ConfigDict(frozen=True)

    places: list[PlaceBound]
    trainings: int
    designs: int
    failed: int
    not_told: list[str]
    nothing_differs: bool
