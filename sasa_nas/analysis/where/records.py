"""The data printed by `sasa-nas where --json`."""

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """A signed effect on accuracy (0 to 1) with its 95 % interval.

    Attributes:
        effect: Estimate of the effect.
        low: The interval's lower end.
        high: The interval's upper end.
        p: Two-sided p-value of this effect alone.
        p_adjusted: p-value adjusted by Holm for all effects of its kind: operators, stages, other factors, interactions
            of stages, interactions of operators.
        star: Whether `p_adjusted` is below 0.05.
    """

    model_config = ConfigDict(frozen=True)

    effect: float
    low: float
    high: float
    p: float
    p_adjusted: float = 1.0
    star: bool = False


class PerGflop(BaseModel):
    """An effect on accuracy per GFLOP by which the level changes a network's cost.

    Attributes:
        effect: The estimate; positive if accuracy rises.
        low: The interval's lower end.
        high: The interval's upper end.
        extra_gflops: GFLOPs of the level beyond the baseline's; negative if it is cheaper.
    """

    model_config = ConfigDict(frozen=True)

    effect: float
    low: float
    high: float
    extra_gflops: float


class Effect(Interval):
    """Effect of one level of a factor on accuracy, compared with the factor's baseline, averaged over all else.

    Attributes:
        factor: Path of the factor, as `stages[0].operator`, or `stages[0].operator.local_attention.kernel_size` within
            an operator.
        level: The value compared.
        baseline: The value it is compared with.
        at_matched_flops: The difference between networks of equal FLOPs; None if FLOPs differ by this factor alone.
        per_gflop: The effect per GFLOP; None if the level changes FLOPs by less than a hundredth.
        n: Number of trainings with the level.
        designs: Number of distinct designs with the level.
    """

    factor: str
    level: str | int | float | bool
    baseline: str | int | float | bool
    at_matched_flops: Interval | None
    per_gflop: PerGflop | None
    n: int
    designs: int


class StageEffect(Interval):
    """Effect of attention in a stage: the mean of its operators' effects against convolution.

    Attributes:
        stage: Number of the stage, from 0.
        operators: The kinds of operators averaged.
        at_matched_flops: The effect between networks of equal FLOPs, as in `Effect`.
    """

    stage: int
    operators: list[str]
    at_matched_flops: Interval | None


class Interaction(Interval):
    """Interaction of attention in two stages: the gain of both beyond the sum of each alone.

    Attributes:
        factors: The two stages' operators.
        levels: The operators' kinds; `attention` stands for all of a stage that has several beside convolution.
        n: Number of trainings with both.
    """

    factors: tuple[str, str]
    levels: tuple[str, str]
    n: int


class SwapEffect(BaseModel):
    """Effect of attention in a stage of good networks: those of the front against their twins with convolution there.

    Attributes:
        stage: Number of the stage, from 0.
        operators: The kinds of operators that convolution replaced.
        effect: Mean difference of accuracy between a network and its twin, trained with equal seeds.
        low: Lower end of the 95 % interval, for networks like these; if all have the same twin, for the same networks
            trained anew; None for a single difference.
        high: Upper end of the interval.
        pairs: Number of pairs of trainings.
        networks: Trial numbers of the networks swapped.
    """

    model_config = ConfigDict(frozen=True)

    stage: int
    operators: list[str]
    effect: float
    low: float | None
    high: float | None
    pairs: int
    networks: list[int]


class Where(BaseModel):
    """Effects of attention in a run.

    Attributes:
        baseline: Level that operators are compared with.
        effects: Effects of operators, then of other factors; empty if too little is trained.
        stages: Effects of attention in each stage, the most helpful first.
        interactions: Interactions of two stages.
        operator_interactions: Interactions of single operators of two stages that have several beside convolution, for
            the stages for which the sample is large enough.
        more_for_interactions: Least number of balanced trainings still needed for those of all stages; None if not even
            effects can be estimated.
        swaps: Effects in networks of the front, if swaps were trained.
        enough: Whether an effect of `resolution` would be detected with 80 % power in every stage.
        resolution: The effect on accuracy that should be detectable.
        detectable: The effect that would be detected with 80 % power; None if too little is trained.
        more_trials: Number of balanced trainings still needed for `enough`.
        trainings: Number of balanced trainings that the answer rests on.
        designs: Number of distinct designs among them.
        training_noise: Standard deviation of accuracy between trainings of one design; None without replicates.
        covered: Whether every design of the space is among them, so that only the noise of training is left.
        note: Remark for the reader, in a sentence.
    """

    model_config = ConfigDict(frozen=True)

    baseline: str
    effects: list[Effect]
    stages: list[StageEffect]
    interactions: list[Interaction]
    operator_interactions: list[Interaction]
    more_for_interactions: int | None
    swaps: list[SwapEffect]
    enough: bool
    resolution: float
    detectable: float | None
    more_trials: int
    trainings: int
    designs: int
    training_noise: float | None
    covered: bool
    note: str
