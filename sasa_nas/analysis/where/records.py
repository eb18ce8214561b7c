"""What `sasa-nas where --json` prints."""

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """A signed effect on accuracy (0 to 1) with its 95 % interval.

    Attributes:
        effect: The estimate.
        low: The interval's lower end.
        high: The interval's upper end.
        p: Two-sided, of this effect alone.
        p_adjusted: Adjusted by Holm for all effects of its kind: operators, stages, other factors, interactions of
            stages, interactions of operators.
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
    """An effect on accuracy over the GFLOPs by which the level changes a network's cost.

    Attributes:
        effect: Positive where accuracy rises.
        low: The interval's lower end.
        high: The interval's upper end.
        extra_gflops: What the level costs more than the baseline; negative where it saves.
    """

    model_config = ConfigDict(frozen=True)

    effect: float
    low: float
    high: float
    extra_gflops: float


class Effect(Interval):
    """What one level of a factor does to accuracy, against the factor's baseline, all else averaged.

    Attributes:
        factor: Its path, as `stages[0].operator`, or `stages[0].operator.local_attention.kernel_size` within an
            operator.
        level: The value compared.
        baseline: The value it is compared with.
        at_matched_flops: The difference between networks of equal FLOPs; None where FLOPs differ by this factor alone.
        per_gflop: None where the level changes FLOPs by less than a hundredth.
        n: Trainings with the level.
        designs: Distinct designs with the level.
    """

    factor: str
    level: str | int | float | bool
    baseline: str | int | float | bool
    at_matched_flops: Interval | None
    per_gflop: PerGflop | None
    n: int
    designs: int


class StageEffect(Interval):
    """What attention does in a stage: the mean of its operators' effects against convolution.

    Attributes:
        stage: From 0.
        operators: The kinds averaged.
        at_matched_flops: As in `Effect`.
    """

    stage: int
    operators: list[str]
    at_matched_flops: Interval | None


class Interaction(Interval):
    """What attention in two stages together gains beyond what it gains in each.

    Attributes:
        factors: The two stages' operators.
        levels: Which operators; `attention` stands for all of a stage that has several beside convolution.
        n: Trainings with both.
    """

    factors: tuple[str, str]
    levels: tuple[str, str]
    n: int


class SwapEffect(BaseModel):
    """What attention in a stage is worth in place: networks of the front against their twins with convolution there.

    Attributes:
        stage: From 0.
        operators: The kinds that convolution stood in for.
        effect: Mean difference of accuracy between a network and its twin, trained with equal seeds.
        low: Lower end of the 95 % interval, for networks like these; for the same networks trained anew, where all have
            one twin; None for a single difference.
        high: Its upper end.
        pairs: Pairs of trainings.
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
    """Where attention helps.

    Attributes:
        baseline: What operators are compared with.
        effects: Of operators, then of other factors; empty where too little is trained to tell.
        stages: Of attention in each stage, the most helpful first.
        interactions: Between stages.
        operator_interactions: Between single operators of two stages that have several beside convolution, for the
            stages of which the sample is large enough to tell.
        more_for_interactions: Balanced trainings still wanted, at least, to tell those of all stages; None where not
            even effects can be told.
        swaps: In place, where swaps were trained.
        enough: Whether an effect of `resolution` would be found with 80 % power in every stage.
        resolution: The effect on accuracy that is to be found.
        detectable: The effect that would be found with 80 % power; None where too little is trained to tell.
        more_trials: Balanced trainings still wanted for `enough`.
        trainings: Balanced trainings that the answer rests on.
        designs: Distinct designs among them.
        training_noise: Standard deviation of accuracy between trainings of one design; None without replicates.
        covered: Whether every design of the space is among them, so that only the noise of training is left.
        note: What a reader should know, in a sentence.
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
