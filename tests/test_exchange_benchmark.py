"""The benchmark of the exchange rate trains what `where --widths` trains, and finds what is planted in a table."""

from pathlib import Path

import numpy as np
import pytest
import torch
from exchange import answered, result
from planted_table import EFFECTS, NOISE, TOGETHER, planted_table
from study.tables import Studied, read_studied
from study.widths import Widened, open_journal, require_images, train, widened

from sasa_nas import SearchSettings, UserError, load_space, search
from sasa_nas.data.registry import load
from sasa_nas.models import build
from sasa_nas.run import Arm
from sasa_nas.space import Image
from sasa_nas.table import Table
from sasa_nas.table.journal import Curve
from sasa_nas.table.records import save_table
from sasa_nas.training.proxy import Trainer
from sasa_nas.training.seeding import seeded

IMAGES = 128
PER_DOUBLING = 0.03


def table_of_digits() -> Table:
    """A planted table whose networks are those of a few digits, one epoch long."""
    table = planted_table()
    space = load_space("groups_64").model_dump(mode="json")
    space["proxy"] |= {"dataset": "digits", "image_size": None, "train_images": IMAGES}
    space["proxy"]["recipe"] |= {"epochs": 1, "batch_size": 64}
    image = {"image": Image(channels=1, height=8, width=8), "num_classes": 10}
    rows = [row.model_copy(update={"architecture": row.architecture.model_copy(update=image)}) for row in table.rows]
    facts = {"space": space, "train_images": IMAGES, "validation_images": 360}
    return table.model_copy(update={"info": table.info.model_copy(update=facts), "rows": tuple(rows)})


def planted_curves(wanted: list[Widened]) -> list[Curve]:
    """Accuracies that grow with the logarithm of FLOPs, after the last epoch."""
    draw = np.random.default_rng(0)
    return [
        Curve(
            architecture_id=one.design.architecture.id,
            seed=one.seed,
            accuracy=(0.1, 0.25 + PER_DOUBLING * float(np.log2(one.design.flops / 1e7)) + draw.normal(0.0, NOISE)),
            train_loss=(1.0, 1.0),
            seconds=1.0,
        )
        for one in wanted
    ]


@pytest.fixture
def studied(tmp_path: Path) -> Studied:
    save_table(planted_table(), tmp_path / "planted.json.gz")
    return read_studied(tmp_path / "planted.json.gz")


def test_trainings_are_those_that_a_run_adds_for_widths(tmp_path: Path) -> None:
    space = load_space("groups_64")
    proxy = space.proxy.model_copy(update={"dataset": "synthetic:null", "train_images": None})
    run = search(
        space.model_copy(update={"proxy": proxy}),
        SearchSettings(trials=1, balanced=0.0, widths=8),
        out=tmp_path / "run",
    )
    added = [record for record in run.trials() if record.arm is Arm.WIDTH]
    wanted = widened(planted_table(), 8)
    assert [(one.multiplier, one.seed) for one in wanted] == [(one.width_multiplier, one.seed) for one in added]
    for one, record in zip(wanted, added, strict=True):
        assert record.architecture is not None
        assert one.design.architecture.stages == record.architecture.stages
        assert one.design.architecture.stem == record.architecture.stem
        assert one.design.architecture.image == Image(channels=3, height=64, width=64)


def test_effects_at_equal_flops_are_those_planted_less_what_flops_buy(studied: Studied) -> None:
    wanted = widened(studied.table, 8)
    found = result(studied, wanted, planted_curves(wanted))
    rate = found["per_doubling"]
    assert rate["low"] <= PER_DOUBLING <= rate["high"]
    assert rate["star"]
    assert [one["multiplier"] for one in found["trainings"]] == [0.5, 2.0, 0.71, 1.41] * 2
    planted = [EFFECTS[0], EFFECTS[1], EFFECTS[2] + TOGETHER / 2, EFFECTS[3] + TOGETHER / 2]
    logs = np.log2(studied.flops)
    for stage, (told, raw) in enumerate(zip(found["effects"], planted, strict=True)):
        attends = np.array([one.stages[stage].operator.kind != "conv" for one in studied.architectures])
        doublings = logs[attends].mean() - logs[~attends].mean()
        assert (told["stage"], told["operator"]) == (stage, "local_attention")
        assert told["raw"]["low"] <= raw <= told["raw"]["high"]
        assert told["at_equal_flops"]["low"] <= raw - PER_DOUBLING * doublings <= told["at_equal_flops"]["high"]
        assert told["extra_flops"] == pytest.approx(2.0**doublings - 1.0)
        assert found["stage_effects"][stage]["at_equal_flops"] == pytest.approx(told["at_equal_flops"])
    # the second stage does nothing and costs a quarter more
    assert found["effects"][1]["at_equal_flops"]["star"]
    assert not found["effects"][1]["raw"]["star"]


def test_all_trainings_of_a_table_are_balanced_ones(studied: Studied) -> None:
    wanted = widened(studied.table, 8)
    found = answered(studied.table, wanted, planted_curves(wanted))
    assert (found.trainings, found.designs, found.covered) == (48, 16, True)


def test_a_few_widths_tell_no_rate(studied: Studied) -> None:
    wanted = widened(studied.table, 4)
    with pytest.raises(UserError, match="4 trainings are too few"):
        answered(studied.table, wanted, planted_curves(wanted))


def test_trainings_go_on_where_they_were_stopped_and_are_the_trainers(tmp_path: Path) -> None:
    table = table_of_digits()
    wanted = widened(table, 8)
    before = planted_curves(wanted)[:7]
    journal = open_journal(tmp_path / "journal.jsonl", table, wanted)
    for curve in reversed(before):
        journal.add(curve)
    curves = train(wanted, table, open_journal(journal.path, table, wanted), None, workers=1)
    assert curves[:7] == before
    assert open_journal(journal.path, table, wanted).curves[curves[7].architecture_id, 400_007] == curves[7]
    splits = load("digits", train_images=IMAGES)
    with seeded(400_007):
        network = build(wanted[7].design.architecture)
    recipe = load_space("groups_64").proxy.recipe.model_copy(update={"epochs": 1, "batch_size": 64})
    trainer = Trainer(
        network, splits.train, splits.validation, splits.info, recipe, seed=400_007, device=torch.device("cpu")
    )
    (epoch,) = trainer.epochs()
    assert curves[7].accuracy == (epoch.accuracy,)
    with pytest.raises(UserError, match="trainings of another table"):
        open_journal(journal.path, table, wanted[:7])


def test_images_that_are_not_the_tables_are_refused() -> None:
    table = table_of_digits()
    require_images(table, None)
    info = table.info.model_copy(update={"validation_images": 5})
    with pytest.raises(UserError, match=r"360, 8, 8, 10\), those of the table \(128, 5, 8, 8, 10\)"):
        require_images(table.model_copy(update={"info": info}), None)
