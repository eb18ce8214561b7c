"""No search reads an example of the test part: what it loads cannot, and what it does depends on none."""

import ast
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import sasa_nas.searching
from sasa_nas.data import digits
from sasa_nas.data.registry import load, load_for_search
from sasa_nas.data.splits import SearchSplits, Splits, three_way_split
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, SearchSettings
from sasa_nas.searching.plan import SearchPlan, draw, plan_search
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask
from sasa_nas.searching.worker.training import Training
from sasa_nas.space import SearchSpace
from sasa_nas.space.choosers import RandomChooser

MakeSpace = Callable[..., SearchSpace]


def train_one(plan: SearchPlan, folder: Path) -> list[TrainingReport]:
    """Two epochs of a network of the plan, as a worker trains it."""
    design = draw(plan, RandomChooser(random.Random(1)))
    recipe = plan.space.proxy.recipe.model_copy(update={"epochs": 2})
    task = TrainingTask(
        number=0,
        folder=folder,
        architecture=design.architecture,
        full_size=design.full_size,
        proxy=plan.space.proxy.model_copy(update={"recipe": recipe}),
        data_dir=folder,
        seed=0,
        threads=1,
        device="cpu",
    )
    training = Training(task, DataCache())
    return [training.advance(), training.advance()]


def results(reports: list[TrainingReport]) -> list[tuple[Outcome, float | None, float | None]]:
    return [(report.outcome, report.accuracy, report.train_loss) for report in reports]


def test_test_images_that_are_garbage_disturb_no_search(make_space: MakeSpace, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for part, count in (("train", 20), ("val", 5), ("test", 5)):
        for name, grey in (("dark", 20), ("light", 220)):
            (photos / part / name).mkdir(parents=True)
            for i in range(count):
                file = photos / part / name / f"{i}.png"
                if part == "test":
                    file.write_bytes(b"no image at all")
                else:
                    PIL.Image.new("RGB", (6, 6), (grey + i, grey, grey)).save(file)
    space = make_space(lambda data: data["proxy"].update(dataset=f"imagefolder:{photos}"))
    plan = plan_search(space, SearchSettings(trials=1, workers=1))
    reports = train_one(plan, tmp_path / "trial")
    assert [report.outcome for report in reports] == [Outcome.RUNNING, Outcome.TRAINED]
    # whoever did read them would have noticed
    with pytest.raises(UserError, match=r"test/dark/0\.png"):
        load(plan.data.name, image_size=6).load_test()


def test_no_test_row_of_the_digits_changes_a_bit_of_a_search(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds all rows: those of the test part, and theirs alone, become not-a-number and wrong labels."""

    def run(name: str) -> tuple[object, ...]:
        plan = plan_search(make_space(), SearchSettings(trials=1, workers=1))
        return (plan.standardisation, *results(train_one(plan, tmp_path / name)))

    clean = run("clean")
    pixels, labels = digits._read()
    rows = three_way_split(labels)
    spoilt = pixels.copy()
    spoilt[rows[2]] = np.nan
    monkeypatch.setattr(digits, "_read", lambda: (spoilt, labels))
    assert run("spoilt") == clean
    assert load("digits").load_test().images.isnan().any()
    # and a row of another part is noticed
    spoilt[rows[0][:1]] = np.nan
    assert str(run("noticed")) != str(clean)


def test_what_a_search_loads_holds_no_test_example_and_no_way_to_one() -> None:
    parts = load_for_search("digits", image_size=6)
    assert type(parts) is SearchSplits
    assert not hasattr(parts, "load_test")
    for part in (parts.train, parts.validation):
        # a tensor of its own, not a view of all rows
        assert part.images.untyped_storage().nbytes() == part.images.nbytes
    whole = load("digits", image_size=6)
    held = {image.numpy().tobytes() for part in (parts.train, parts.validation) for image in part.images}
    tested = {image.numpy().tobytes() for image in whole.load_test().images}
    assert not held & tested


def test_the_engine_names_nothing_that_could_load_a_test_part() -> None:
    """From the sources: of the data sets it knows `load_for_search` alone."""
    known: set[str] = set()
    for file in Path(sasa_nas.searching.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Attribute) and node.attr == "load_test"), file
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sasa_nas.data"):
                known |= {alias.name for alias in node.names}
    assert "load_for_search" in known
    assert not known & {"load", "Splits", *(name for name in dir(digits) if name.startswith("load"))}
    names = {"absolute_name", "settled_name", "same_statistics"}
    assert known <= {
        *names,
        "dataset_info",
        "load_for_search",
        "DatasetInfo",
        "SearchSplits",
        "ImageSet",
        "default_data_dir",
    }
    assert issubclass(Splits, SearchSplits)
