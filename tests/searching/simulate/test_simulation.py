"""Searches answered by a formula: without Ray, without training, resumed like any other."""

import json
from pathlib import Path

import pytest
from forked import run_forked

from sasa_nas.errors import UserError
from sasa_nas.run import Arm, Outcome, SearchSettings, read_info, read_trials
from sasa_nas.searching import resume, search
from sasa_nas.searching.plan import plan_search
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.simulation import by_formula, simulate
from sasa_nas.synthetic import planted


def use(dataset: str):
    def edit(data: dict) -> None:
        data["proxy"].update(dataset=dataset, recipe={"epochs": 3})

    return edit


def test_a_training_is_what_the_formula_says_for_its_own_seed(make_plan, notes) -> None:
    plan = make_plan(use("synthetic:additive"), trials=8, balanced=0.5)
    simulate(Proposer(SearchStudy(plan), plan, notes), by_formula(plan), workers=2, observer=notes)
    formula = planted("synthetic:additive")
    ended = [record for record in notes.ended if record.outcome.spent]
    assert len(ended) == 8
    for record in ended:
        assert record.outcome is Outcome.TRAINED
        assert record.accuracy == formula.accuracy(record.architecture, record.flops, record.seed)
        assert record.epochs == 3
    twins = [r for r in ended if r.arm is Arm.BALANCED]
    assert len(twins) == 4
    assert len({r.accuracy for r in twins}) == 4, "replicates differ by their noise"


def test_a_run_answered_by_a_formula_needs_no_ray_and_goes_on(make_space, tmp_path: Path, notes) -> None:
    space = make_space(use("synthetic:null"))
    summary = search(space, SearchSettings(trials=4), out=tmp_path / "run", observer=notes)
    assert not summary.interrupted
    assert read_info(summary.folder).device == "none: answered by a formula"
    more = resume(tmp_path / "run", trials=6)
    assert [r.accuracy for r in more.records[: len(summary.records)]] == [r.accuracy for r in summary.records]
    assert sum(r.outcome.spent for r in read_trials(more.folder)) == 6


def test_an_unknown_task_is_an_error(make_space) -> None:
    with pytest.raises(UserError, match="synthetic:additive"):
        plan_search(make_space(use("synthetic:aditive")), SearchSettings())


CHILD = """
import sys
from sasa_nas.cli.app import main
status = main(sys.argv[1:])
import ray
print("ray:", ray.is_initialized())
sys.exit(status)
"""


@pytest.mark.slow
def test_the_command_line_takes_a_synthetic_task(make_space, tmp_path: Path) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps(make_space().model_dump(mode="json")))
    words = ["search", "--space", space, "--dataset", "synthetic:additive", "--trials", 4, "--out", tmp_path / "run"]
    answer = run_forked(["-c", CHILD, *words])
    assert answer.returncode == 0, answer.stderr
    assert "ray: False" in answer.stdout
    assert "4 trials at a time" in answer.stderr
    assert "\nsampler model\n" in answer.stderr
