"""Makes a run for the report to show, as large as one likes and with everything in it, without training.

The search's own proposer draws the designs, stops trainings and writes trials.jsonl; the trials' curves and the full
trainings are written as the trainers write them. Only what comes out of a training is a formula's.
"""

import json
import random
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import optuna

from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.files import write_text
from sasa_nas.run import (
    Outcome,
    Phases,
    RunFolder,
    SearchSettings,
    TrainingFolder,
    TrainingResult,
    TrainingSettings,
    TrialRecord,
    read_trials,
)
from sasa_nas.run.designs import designs
from sasa_nas.run.retraining_records import RetrainedDesign, RetrainingInfo
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.searching.measurements import Measurements
from sasa_nas.searching.new_run import make_folder
from sasa_nas.searching.observer import EpochReport, SearchObserver
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy, opened_study
from sasa_nas.searching.simulate.simulation import WORKERS, simulate
from sasa_nas.space import load_space
from sasa_nas.synthetic import Course, planted
from sasa_nas.training.proxy import EpochMetrics

FAULTS = {
    Outcome.DIVERGED: "train loss is nan in epoch 2",
    Outcome.BROKEN: "RuntimeError: an error that the training raised, as long as such messages are",
    Outcome.OUT_OF_MEMORY: "CUDA out of memory. Tried to allocate 2.40 GiB",
    Outcome.TIMED_OUT: "it took longer than 600 s",
    Outcome.LOST: "its worker died and did not come back",
}
FAULTY = 0.05
"""Share of the trials that end in one of them."""
SLOWNESS = 300.0
"""Of a training, against the formula's."""
OTHERS = 10
"""Networks beside the front that are trained in full."""
SEEDS = (0, 1, 2)


class Recorder(SearchObserver):
    """Keeps the epochs of each trial, and writes them as its training does when it is over."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._epochs: defaultdict[int, list[EpochMetrics]] = defaultdict(list)

    def epoch_ended(self, report: EpochReport) -> None:
        """Keep it."""
        loss = report.train_loss
        metrics = EpochMetrics(
            report.epoch, loss, report.accuracy, 1.2 * loss, seconds_train=0.5, seconds_evaluate=0.05
        )
        self._epochs[report.number].append(metrics)

    def trial_ended(self, record: TrialRecord) -> None:
        """Write the trial's folder, where anything was trained."""
        trial = self._folder.trial(record.number)
        if record.outcome.spent and record.architecture and record.full_size:
            trial.path.mkdir()
            write_text(trial.architecture, record.architecture.to_json())
            write_text(trial.full_size, record.full_size.to_json())
            write_metrics(trial.metrics, self._epochs.pop(record.number, []))


class Faulty(Proposer):
    """In a proposer's place: some trials end badly, and all tell where their time went."""

    def __init__(self, study: SearchStudy, plan: SearchPlan, observer: Recorder) -> None:
        super().__init__(study, plan, observer)
        self._draw = random.Random(plan.settings.seed)

    def finish(self, record: TrialRecord) -> None:
        """Write the end of a trial, or of what became of it."""
        if record.outcome.spent:
            record = self._live[record.number].findings.added_to(record)
            train = 0.7 * (record.seconds or 0.0)
            phases = Phases(queue=0.2 * train, build=0.1, data=0.01, train=train, evaluate=0.1 * train, checkpoint=0.05)
            record = record.model_copy(update={"phases": phases})
            if record.outcome is Outcome.TRAINED and self._draw.random() < FAULTY:
                fault = self._draw.choice(list(FAULTS))
                record = record.model_copy(update={"outcome": fault, "reason": FAULTS[fault], "accuracy": None})
        super().finish(record)


def make_run(path: Path, trials: int, *, seed: int = 0) -> RunFolder:
    """Return a run of the space `resnet_hybrid`, with scores, latencies, early stopping, faults, and full trainings.

    Args:
        path: A folder that is not there.
        trials: Trainings.
        seed: Fixes everything.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    settings = SearchSettings(
        trials=trials,
        seed=seed,
        sampler="random",
        halving=True,
        objectives=("accuracy", "flops", "latency"),
        scores=("synflow", "naswot", "zico"),
    )
    plan, folder = plan_search(load_space("resnet_hybrid"), settings), RunFolder(path)
    command = f"sasa-nas search --space resnet_hybrid --trials {trials} --halving --scores synflow,naswot,zico"
    make_folder(folder, plan, command, device="none: answered by a formula")
    formula, epochs, draw = planted("synthetic:additive"), plan.space.proxy.recipe.epochs, random.Random(seed)
    with opened_study(folder, plan) as study:
        recorder = Recorder(folder)
        proposer = Faulty(study, plan, recorder)

        def course(proposal: Proposal) -> Course:
            design = proposal.design
            found = formula.course(design.architecture, design.counts.flops(), proposal.request.seed, epochs)
            proposer.found(proposal.number, _findings(proposal, found.accuracy[-1], draw))
            return _noisy(found, draw)

        simulate(proposer, course, workers=WORKERS, observer=recorder)
    _retrain(folder, read_trials(folder), draw)
    return folder


def _findings(proposal: Proposal, accuracy: float, draw: random.Random) -> Measurements:
    """Return a latency that follows the FLOPs, and scores: one foretells, one counts parameters, one is chance."""
    counts = proposal.design.counts
    latency = 1e-9 * counts.flops() * draw.lognormvariate(0.0, 0.5)
    return Measurements(
        latency=latency,
        latency_quartiles=(0.95 * latency, 1.1 * latency),
        scores={"synflow": draw.random(), "naswot": 3.0 * counts.params, "zico": accuracy + draw.gauss(0.0, 0.03)},
    )


def _noisy(course: Course, draw: random.Random) -> Course:
    """Return the course, each epoch but the last a little off, and as slow as trainings are."""
    *early, last = course.accuracy
    return Course(
        (*(min(1.0, max(0.0, value + draw.gauss(0.0, 0.01))) for value in early), last),
        course.train_loss,
        SLOWNESS * course.seconds,
    )


def _retrain(folder: RunFolder, records: list[TrialRecord], draw: random.Random) -> None:
    """Full trainings of the front and a few others, a little better than their proxies."""
    front = pareto_front(records)
    others = [record for record in designs(records) if record.number not in {member.number for member in front}]
    chosen = [*front, *draw.sample(others, min(OTHERS, len(others)))]
    place = folder.retraining("target")
    settings = TrainingSettings(dataset="digits", seeds=SEEDS)
    for record in chosen:
        _write_result(place.network(record.number), record, settings, draw)
    info = RetrainingInfo(
        size="target",
        settings=settings,
        designs=tuple(
            RetrainedDesign(trial=r.number, flops=r.flops or 0, params=r.params or 0)
            for r in sorted(chosen, key=lambda record: record.flops or 0)
        ),
        created=json.loads(folder.info.read_text(encoding="utf-8"))["created"],
        command="sasa-nas retrain",
        versions={},
        git=None,
        device="none: answered by a formula",
    )
    write_text(place.info, info.model_dump_json(indent=2) + "\n")


def _write_result(folder: TrainingFolder, record: TrialRecord, settings: TrainingSettings, draw: random.Random) -> None:
    def score() -> Score:
        return Score(accuracy=min(1.0, max(0.0, (record.accuracy or 0.0) + draw.gauss(0.02, 0.01))), loss=0.5)

    seeds = tuple(SeedResult(seed=seed, validation=score(), test=score()) for seed in settings.seeds)
    result = TrainingResult(
        name=f"trial {record.number}",
        architecture_id=record.architecture_id or "",
        dataset=settings.dataset,
        epochs=settings.recipe.epochs,
        seeds=seeds,
        validation=Spread.of([seed.validation.accuracy for seed in seeds]),
        test=Spread.of([seed.test.accuracy for seed in seeds]),
    )
    folder.path.mkdir(parents=True)
    write_text(folder.result, result.model_dump_json(indent=2) + "\n")


def write_metrics(path: Path, epochs: list[EpochMetrics]) -> None:
    """One line an epoch, as a training writes them."""
    write_text(path, "".join(json.dumps(asdict(epoch)) + "\n" for epoch in epochs))
