"""The data printed by `sasa-nas where --json`."""

from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis.where.bounds_records import Bounds


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
        extra_flops: Change of FLOPs by the level, as a share of the baseline's (a geometric mean over the designs).
        at_equal_flops: The effect less what its FLOPs would buy, were they spent on the width of the all-convolution
            network; None unless that was trained at several widths.
        per_gflop: The effect per GFLOP; None if the level changes FLOPs by less than a hundredth.
        n: Number of trainings with the level.
        designs: Number of distinct designs with the level.
        contexts: Share of the combinations of all other choices in which the space's limits allow both the level and
            the baseline; the effect is averaged over those, and nothing is known of the others. None if that is not
            known: in spaces too large to list, and of factors within an option.
        with_score: The effect with scores of all designs, as `Where.score` says; None without any.
        without_score: The effect by the trainings alone; None without scores. The one of both that is taken is the
            effect itself.
        failures_as_chance: The effect if a failed training counts as guessing a class; None if none failed.
        without_outliers: The effect without trainings that lie far from the rest; None if there are none.
    """

    factor: str
    level: str | int | float | bool
    baseline: str | int | float | bool
    extra_flops: float
    at_equal_flops: Interval | None = None
    per_gflop: PerGflop | None
    n: int
    designs: int
    contexts: float | None = None
    with_score: Interval | None = None
    without_score: Interval | None = None
    failures_as_chance: Interval | None = None
    without_outliers: Interval | None = None


class StageEffect(Interval):
    """Effect of attention in a stage: the mean of its operators' effects against convolution.

    Attributes:
        stage: Number of the stage, from 0.
        operators: The kinds of operators averaged.
        extra_flops: Change of FLOPs by attention there, as in `Effect`; the mean over the operators.
        at_equal_flops: The effect at equal FLOPs, as in `Effect`.
        with_score: The effect with scores of all designs, as in `Effect`.
        without_score: The effect by the trainings alone, as in `Effect`.
        failures_as_chance: The effect with failures as chance, as in `Effect`.
        without_outliers: The effect without outliers, as in `Effect`.
    """

    stage: int
    operators: list[str]
    extra_flops: float
    at_equal_flops: Interval | None = None
    with_score: Interval | None = None
    without_score: Interval | None = None
    failures_as_chance: Interval | None = None
    without_outliers: Interval | None = None

    @property
    def told(self) -> Interval:
        """The effect that the answer goes by: at equal FLOPs if that is known, else as trained."""
        return self if self.at_equal_flops is None else self.at_equal_flops


class OperatorTrainings(BaseModel):
    """Counts of the balanced trainings of an operator in a stage.

    Attributes:
        stage: Number of the stage, from 0.
        operator: The kind of operator.
        trainings: Number of trainings, failed ones included.
        failed: Those that diverged, broke, ran out of memory or took too long.
        outliers: Those trained to the end, but far from what the others let expect.
    """

    model_config = ConfigDict(frozen=True)

    stage: int
    operator: str
    trainings: int
    failed: int
    outliers: int


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


class ScoreUse(BaseModel):
    """Use of scores of all designs for the effects.

    Attributes:
        name: Name of the score.
        designs: Number of designs that it is known of.
        complete: Whether these are all designs within the limits, and not a sample of them.
        asked: Whether it was given, and not chosen for want of one.
        p: p-value of what it says of accuracy beyond the sum of effects; None if it is such a sum itself.
        width: Mean width of the intervals of operators' effects, as a share of that without the score.
        taken: Whether the effects are those with the score.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    designs: int
    complete: bool
    asked: bool
    p: float | None
    width: float
    taken: bool


class WidthPoint(BaseModel):
    """Trainings of the all-convolution network at one width.

    Attributes:
        multiplier: Multiplier of all its widths.
        flops: FLOPs of one image.
        accuracy: Mean accuracy, 0 to 1.
        trainings: Number of trainings.
    """

    model_config = ConfigDict(frozen=True)

    multiplier: float
    flops: int
    accuracy: float
    trainings: int


class Exchange(BaseModel):
    """Accuracy that FLOPs buy as width of the all-convolution network.

    Attributes:
        per_doubling: Gain of accuracy by doubled FLOPs, on average over the FLOPs of the balanced designs.
        error: Standard error of that gain.
        points: The widths, the thinnest first.
        trainings: Number of trainings.
        beyond: Share of the balanced designs that cost less or more than all of the widths.
    """

    model_config = ConfigDict(frozen=True)

    per_doubling: Interval
    error: float
    points: list[WidthPoint]
    trainings: int
    beyond: float


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
        stages: Effects of attention in each stage, the most helpful first: at equal FLOPs if that is known.
        best: Numbers, from 0, of the stages that may be the first of `stages` as far as can be told: that one, then
            those whose effect is not smaller by a test at 5 %.
        bounds: Bounds by a model of all trainings; None if too few networks are trained.
        exchange: Accuracy that FLOPs buy as width; None unless the all-convolution network was trained at several.
        more_widths: Number of trainings of it that would tell; 0 if there is an exchange rate, if no operator changes
            FLOPs, or if a stage has no convolution.
        score: Use of scores of all designs; None without any.
        failures: Counts of trainings by operator and stage; empty if none failed or is an outlier.
        outliers: Numbers of the balanced trials that lie far from what the others let expect.
        allowed: Number of designs within the space's limits; None if that is not known.
        not_told: Operators, as `stages[0].operator=pairwise`, of which the balanced trainings have too few designs.
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
        equal_flops: Whether the balanced designs were widened or thinned to cost the same, so that effects as trained
            are effects at equal FLOPs.
        nothing_differs: Whether all balanced trainings ended with the same accuracy, as on an easy data set.
        covered: Whether every design of the space is among them, so that only the noise of training is left.
        note: Remark for the reader, in a sentence.
    """

    model_config = ConfigDict(frozen=True)

    baseline: str
    effects: list[Effect]
    stages: list[StageEffect]
    best: list[int] = []
    bounds: Bounds | None = None
    exchange: Exchange | None = None
    more_widths: int = 0
    score: ScoreUse | None = None
    failures: list[OperatorTrainings] = []
    outliers: list[int] = []
    allowed: int | None = None
    not_told: list[str] = []
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
    equal_flops: bool = False
    nothing_differs: bool = False
    covered: bool
    note: str
