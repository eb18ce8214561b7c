"""Records of a run and of its trials, as plain data."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from sasa_nas.documents import DescriptionError
from sasa_nas.nodes import NameIn
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run.arms import Arm
from sasa_nas.run.operators import RecordedFile
from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.packing import Packing
from sasa_nas.run.phases import LONGEST, Phases, Seconds
from sasa_nas.run.provenance import Command, Place, StorageUrl, Told
from sasa_nas.scoring import SCORES
from sasa_nas.space import Architecture

STUDY_NAME = "sasa-nas"
"""The name of a run's Optuna study."""

PositiveFloat = Annotated[float, Field(gt=0.0, le=LONGEST)]
Natural = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Accuracy = Annotated[float, Field(ge=0.0, le=1.0)]


Sampler = Literal["tpe", "nsga2", "nsga3", "random", "gp", "model"]
"""Samplers of designs: Optuna's tree-structured Parzen estimator, evolution (NSGA-II or III), chance, or a Gaussian
process; or the model of accuracy by which expected accuracies are told, with counted costs."""
FIRST_SAMPLER: Sampler = "tpe"
"""Sampler of runs whose record names none."""
BalancedAt = Literal["design", "flops"]
"""Quantity that is equal among balanced designs: nothing but what they have in common, or their FLOPs."""
Resource = Literal["cpus", "gpus"]
"""Resource that a trial takes a share of."""
Score = Annotated[str, NameIn(SCORES)]
"""Name of a training-free score."""


def _make_sense(objectives: tuple[str, ...]) -> tuple[str, ...]:
    if "accuracy" not in objectives:
        raise ValueError("accuracy must be among the objectives")
    if len(set(objectives)) < len(objectives):
        raise ValueError("an objective is given twice")
    return objectives


def _none_twice(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    if len(set(scores)) < len(scores):
        raise ValueError("a score is given twice")
    return scores


Scores = Annotated[tuple[Score, ...], AfterValidator(_none_twice)]
"""None twice."""
Objectives = Annotated[tuple[Annotated[str, NameIn(OBJECTIVES)], ...], AfterValidator(_make_sense)]
"""Names of `sasa_nas.objectives`: accuracy and others, none twice."""


class SearchSettings(BaseModel):
    """Settings of a search, beside its space."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1, lt=2**63)] = 32
    """Networks to train; duplicates and infeasible draws do not count."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Fixes the proposals, the weights' initialisation and the order of the data."""
    workers: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """Most trials at a time; default: as many as the machines hold."""
    cpus_per_trial: Annotated[int, Field(ge=1, lt=2**63)] = 1
    """CPU cores, and threads, of one trial."""
    gpus_per_trial: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """GPUs of one trial; a fraction lets several trials share one."""
    auto: tuple[Resource, ...] = ()
    """Resources whose share for a trial is measured before the search begins, in place of what is given above. In
    run.json the fields above hold what was measured, and a resume keeps it."""
    sampler: Sampler | None = None
    """Sampler of the designs; default: `model` where it can be used, else `tpe`. In run.json it is the one that was
    used, and a resume keeps it."""
    objectives: Objectives = ("accuracy", "flops")
    balanced: Annotated[float, Field(ge=0.0, le=1.0)] = 0.25
    """Share of the trials that are drawn in balance, whatever came out before, so that effects can be estimated: where
    attention helps is what a search is for, and its sampler's own trials cannot tell."""
    balanced_at: BalancedAt = "design"
    """`flops`: each balanced design is widened or thinned until it costs what convolution in all stages would cost. As
    none of the space's designs then, they stand on no front, and the sampler does not learn from them."""
    more_balanced: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Trainings in balance that come on top of `trials`, for smaller effects to be found."""
    settle: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Trainings, on top of all others, of networks whose place on the front is least certain."""
    widths: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Trainings, on top of all others, of the all-convolution network at other widths."""
    halving: bool = False
    """Whether trainings that others outdo are stopped early."""
    eta: Annotated[int, Field(ge=2, lt=2**63)] = 3
    """Reduction factor of halving: one of so many trainings goes on from each level."""
    grace_epochs: Annotated[int, Field(ge=1, lt=2**63)] = 1
    """Epochs before the first level of halving; each further level is `eta` times as far."""
    scores: Scores = ()
    """Training-free scores that every trained design is given, beside that of the filter."""
    one_shot: bool = False
    """True if a supernet is trained before the search; its validation losses are a score of the space's designs."""
    score_filter: Score | None = None
    """Score by which designs that chance proposes are sorted out before training; default: none."""
    score_keep: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    """Share of the designs drawn that a filter keeps, the best by its score."""
    accuracy_floor: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Networks below are of no interest, however cheap."""
    trial_timeout: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Seconds of wall-clock time that a trial may take in one session; a worker that takes longer is killed."""
    address: str | None = None
    """Address of a running Ray cluster to join; default: a private one is started."""
    storage: StorageUrl | None = None
    """URL of a folder where workers keep their trials; default: the run's own, on a shared disk."""
    data_dir: Place | None = None
    """Folder that data sets lie in or are downloaded to; the default place if None."""

    @property
    def balanced_arm(self) -> Arm:
        """The arm of the balanced share."""
        return Arm.EQUAL if self.balanced_at == "flops" else Arm.BALANCED


class RunInfo(BaseModel):
    """The content of run.json."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    space: dict[str, Any]
    """The search space as plain data, with the command line's overrides in it; `space.files.validate_space` makes one
    of it, which takes time that whoever wants no more than its name need not spend."""
    settings: SearchSettings
    created: datetime
    command: Command
    versions: dict[str, str]
    git: str | None
    """The commit of the working folder at the start, `+` at its end for changes on top."""
    device: str
    """Description of the device that the driver's machine trains on."""
    packing: Packing | None = None
    """Measurement of a trial's share of the machine; None if the share was given."""
    mean: tuple[Finite, ...] = ()
    """Per channel, what is subtracted from a pixel before training, in the data set's own unit."""
    std: tuple[Finite, ...] = ()
    """Per channel, what it is divided by afterwards."""
    class_names: tuple[str, ...] = ()
    """Names of the classes by label; empty if unknown."""
    table: str | None = None
    """The table whose recorded trainings were replayed; None where networks were trained."""
    operators: tuple[RecordedFile, ...] = ()
    """Files of operators that are not the package's own; the run keeps a copy of each."""

    @field_validator("settings")
    @classmethod
    def _with_its_sampler(cls, settings: SearchSettings) -> SearchSettings:
        """Name the sampler of runs that were begun when there was but one."""
        return settings if settings.sampler is not None else settings.model_copy(update={"sampler": FIRST_SAMPLER})

    @property
    def space_name(self) -> str:
        """The search space's name.

        Raises:
            DescriptionError: If the record holds none.
        """
        return self._text_of_space("name")

    @property
    def dataset(self) -> str:
        """The name of the data set that the search's networks are trained on.

        Raises:
            DescriptionError: If the record holds none.
        """
        return self._text_of_space("proxy", "dataset")

    def _text_of_space(self, *names: str) -> str:
        value: Any = self.space
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, str):
            raise DescriptionError(f"run.json: space: {'.'.join(names)} is missing; the file is damaged or foreign")
        return value


class TrialRecord(BaseModel):
    """One trial of a run."""

    model_config = ConfigDict(frozen=True)

    number: Natural
    outcome: Outcome
    choices: dict[str, str | int | float | bool | None] = {}
    """Label or number chosen, by the name of the fork."""
    architecture: Architecture | None = None
    """The trained network; None for a trial whose parts do not fit together."""
    full_size: Architecture | None = None
    accuracy: Accuracy | None = None
    """Accuracy on the validation split after the last epoch; only of trained networks."""
    flops: Natural | None = None
    """Floating-point operations of one image, two a multiply-accumulate."""
    params: Natural | None = None
    memory: Natural | None = None
    """Bytes that a training step keeps; see `sasa_nas.cost.memory`."""
    latency: PositiveFloat | None = None
    """Seconds for one image on the worker's device: a median; see `sasa_nas.cost.latency`."""
    latency_quartiles: tuple[PositiveFloat, PositiveFloat] | None = None
    """Around the latency: how much the machine disturbed it."""
    robust_accuracy: Accuracy | None = None
    """Accuracy on the validation split under attack, after the last epoch."""
    scores: dict[str, Finite] = {}
    """Training-free scores of the untrained network, by name; `one_shot`, a supernet's, is added on reading."""
    epochs: Natural = 0
    """Epochs trained."""
    rungs: dict[Annotated[int, Field(ge=1, lt=2**63)], Accuracy] = {}
    """Accuracy after the epochs at which trainings are compared with each other."""
    seconds: Seconds | None = None
    """Wall-clock time of the training."""
    phases: Phases | None = None
    """Time by phase; None if it was not measured."""
    reason: Told | None = None
    """Reason why it was not trained, or not to the end."""
    duplicate_of: Natural | None = None
    arm: Arm = Arm.SEARCH
    seed: Natural | None = None
    """Seed of the initial weights and the order of the data; default: the search's own."""
    swap_of: Natural | None = None
    """Trial on the front that a swap repeats, whole or with one stage swapped."""
    swapped_stage: Natural | None = None
    """Stage of a swap that has convolution instead; None if the network is whole."""
    width_multiplier: PositiveFloat | None = None
    """Multiplier of all widths of the network, where it was widened or thinned; `full_size` is the design before."""

    @property
    def architecture_id(self) -> str | None:
        """The trained network's `Architecture.id`."""
        return self.architecture.id if self.architecture else None
