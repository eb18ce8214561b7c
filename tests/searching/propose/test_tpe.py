"""The sampler that remembers proposes what Optuna's own does, to the last digit."""

import warnings

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState

from sasa_nas.searching.propose import tpe
from sasa_nas.searching.propose.samplers import make_sampler


def choose(trial: Trial) -> float:
    """A space with conditional parameters of every kind; some come up for the first time late."""
    total = float(trial.suggest_int("blocks", 1, 9, step=2))
    for stage in range(3):
        kind = trial.suggest_categorical(f"kind{stage}", ["conv", "local", "pair", "none"])
        if kind != "none":
            total += trial.suggest_categorical(f"{kind}{stage}.size", [3, 5, 7])
        if kind == "local":
            total -= trial.suggest_float(f"{kind}{stage}.ratio", 0.1, 0.9, step=0.1)
        if kind == "pair":
            total *= trial.suggest_float(f"{kind}{stage}.rate", 0.01, 1.0, log=True)
    return total


def proposals(sampler: BaseSampler, directions: list[str], trials: int) -> list[dict[str, object]]:
    """What is proposed while three trials run side by side and end well, pruned, infeasible, or not at all."""
    study = optuna.create_study(directions=directions, sampler=sampler)
    running: list[tuple[Trial, float]] = []
    for number in range(trials):
        trial = study.ask({"width": optuna.distributions.CategoricalDistribution((8, 16))} if number % 7 else None)
        running.append((trial, choose(trial)))
        if len(running) < 3:
            continue
        ended, value = running.pop(number % 3)
        if number % 11 == 0:
            ended.set_constraint("limit", value)
        if number % 13 == 0:
            study.tell(ended, state=TrialState.FAIL)
        elif number % 5 == 0:
            study.tell(ended, state=TrialState.PRUNED)
        else:
            study.tell(ended, [value, -value * (1 + number % 2)][: len(directions)])
    return [trial.params for trial in study.get_trials()]


def test_of_trials_that_are_not_good_the_newest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    directions = ["maximize", "minimize"]
    expected = proposals(make_sampler("tpe", seed=3, startup=5), directions, 60)
    monkeypatch.setattr(tpe, "MOST_OTHERS", 20)
    found = proposals(make_sampler("tpe", seed=3, startup=5), directions, 60)
    # of 20 finished trials two are good at least, and three are under way beside them
    assert found[:22] == expected[:22]
    assert found != expected


@pytest.mark.parametrize("directions", [["maximize", "minimize"], ["minimize"]], ids=["two", "one"])
def test_it_proposes_what_optuna_does(directions: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        theirs = TPESampler(seed=3, n_startup_trials=5, multivariate=True, group=True)
    expected = proposals(theirs, directions, 60)
    assert proposals(make_sampler("tpe", seed=3, startup=5), directions, 60) == expected
    assert proposals(make_sampler("tpe", seed=4, startup=5), directions, 60) != expected
