"""Recipes by name and from files: inherited, changed, and their mistakes in one line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sasa_nas.documents import DescriptionError
from sasa_nas.recipes import FullRecipe, Sgd, Steps, load_recipe, preset_names, recipe_schema, recipe_text


def has(recipe: FullRecipe, path: str) -> bool:
    node: Any = recipe
    for step in path.split("."):
        if step not in type(node).model_fields:
            return False
        node = getattr(node, step)
    return True


@pytest.mark.parametrize("name", preset_names())
def test_presets_name_their_source_and_what_it_does_not_give(name: str) -> None:
    recipe = load_recipe(name)
    assert not [field for field in recipe.unpublished if not has(recipe, field)]
    assert bool(recipe.source) == bool(recipe.published) == (name != "small_20")


@pytest.mark.parametrize("name", preset_names())
def test_a_printed_recipe_is_read_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / "whole.yaml"
    file.write_text(recipe_text(load_recipe(name)), encoding="utf-8")
    assert load_recipe(file) == load_recipe(name)


def test_published_numbers_of_the_presets() -> None:
    recipes = {name: load_recipe(name) for name in preset_names()}
    assert {name: (recipe.epochs, recipe.batch_size, recipe.optimizer.learning_rate, recipe.optimizer.weight_decay)
            for name, recipe in recipes.items()} == {
        "ffcv_16": (16, 4096, 1.7, 1e-4),
        "ffcv_88": (88, 4096, 1.7, 1e-4),
        "rsb_a3": (100, 2048, 8e-3, 0.02),
        "rsb_a2": (300, 2048, 5e-3, 0.02),
        "sasa_130": (130, 4096, 1.6, 1e-4),
        "aa_100": (100, 1024, 0.512, 1e-4),
        "aa_cifar_500": (500, 256, 0.2, 5e-4),
        "small_20": (20, 64, 3e-3, 0.05),
    }  # fmt: skip


def test_a_file_changes_its_base_field_by_field(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text("{base: rsb_a3, epochs: 50, optimizer: {learning_rate: 0.004}}")
    (tmp_path / "second.json").write_text('{"base": "first.yaml", "augmentation": {"mixing": {"mixup": null}}}')
    base, changed = load_recipe("rsb_a3"), load_recipe(tmp_path / "second.json")
    assert changed.optimizer == base.optimizer.model_copy(update={"learning_rate": 0.004})
    assert changed.epochs == 50
    assert changed.augmentation.mixing is not None
    assert changed.augmentation.mixing.mixup is None
    assert changed.augmentation.mixing.cutmix == base.augmentation.mixing.cutmix  # type: ignore[union-attr]
    assert changed.augmentation.rand_augment == base.augmentation.rand_augment
    # nobody reached anything with the changed one
    assert (changed.published, changed.source) == ("", base.source)


def test_another_kind_takes_the_place_of_the_bases() -> None:
    changed = load_recipe({"base": "rsb_a3", "optimizer": {"kind": "sgd", "learning_rate": 0.1}})
    assert changed.optimizer == Sgd(learning_rate=0.1)
    same = load_recipe({"base": "rsb_a3", "optimizer": {"kind": "lamb", "learning_rate": 0.1}})
    assert same.optimizer.weight_decay == 0.02


def test_fields_are_assigned() -> None:
    changed = load_recipe("rsb_a3", ["epochs=50", "optimizer.learning_rate=.1", "schedule={kind: steps, at: [30]}"])
    assert (changed.epochs, changed.optimizer.learning_rate, changed.schedule) == (50, 0.1, Steps(at=(30.0,)))
    assert changed.published == ""
    assert load_recipe("rsb_a3", ["optimizer.kind=sgd", "optimizer={kind: sgd, learning_rate: 1}"]).optimizer == Sgd(
        learning_rate=1.0
    )


def test_fields_of_a_kind_are_assigned_after_it() -> None:
    changed = load_recipe("rsb_a3", ["schedule.kind=steps", "schedule.at=[30, 60]", "schedule.warmup_epochs=2"])
    assert changed.schedule == Steps(at=(30.0, 60.0), warmup_epochs=2.0)
    changed = load_recipe("rsb_a3", ["optimizer.kind=sgd", "optimizer.learning_rate=1", "optimizer.momentum=.8"])
    assert changed.optimizer == Sgd(learning_rate=1.0, momentum=0.8)


@pytest.mark.parametrize(
    ("recipe", "changes", "words"),
    [
        ("rsb_a3", ["schedule.kind=steps"], "schedule.at: is missing"),
        ("rsb_a3", ["schedule.kind=steps", "schedule.att=[3]"], "no field 'att'; did you mean 'at'? there is: "),
        ("rsb_a3", ["schedule.kind=steps", "schedule.final=0"], "there is no field 'final'"),
        ("rsb_a3", ["schedule.kind=stepz", "schedule.at=[3]"], "unknown kind 'stepz'; did you mean 'steps'"),
        ("rsb_a3", ["schedule.kind=steps", "schedule.at.b=3"], ".b leads nowhere"),
        ("rsb_a4", [], "no recipe 'rsb_a4': did you mean 'rsb_a3'"),
        ("rsb_a3", ["optimizer.learning_rat=1"], "no field 'learning_rat'; did you mean 'learning_rate'"),
        ("rsb_a3", ["epochs"], "write a path and a value: optimizer.learning_rate=0.1"),
        ("rsb_a3", ["epochs=5"], "schedule.warmup_epochs: must be less than epochs=5"),
        ("rsb_a3", ["optimizer.learning_rate=-1"], "optimizer.learning_rate = -1: should be greater than 0"),
        ("rsb_a3", ["augmentation.mixing.mixup.alpha=.inf"], "must be a finite number"),
        ({"base": "rsb_a3", "optimiser": {}}, [], "optimiser: unknown field; did you mean 'optimizer'"),
        ({"base": "rsb_a3", "loss": {"kind": "entropy"}}, [], "unknown kind 'entropy'; did you mean 'cross_entropy'"),
        ({"base": "rsb_a3", "schedule": 3}, [], "schedule = 3: must be an object"),
        ({"base": "rsb3"}, [], "base: no recipe 'rsb3': did you mean 'rsb_a3'"),
        ({"base": 3}, [], "base = 3: must be the name"),
        ({"base": "ffcv_16", "sizes": {"progression": {"to_epoch": 3}}}, [], "sizes.progression.to_epoch: must be"),
        ({"base": "aa_100", "schedule": {"at": [30, 20]}}, [], "schedule.at: must ascend"),
        ({"epochs": 3}, [], "batch_size: is missing; optimizer: is missing"),
    ],
)
def test_a_mistake_is_one_line(recipe: str | dict[str, Any], changes: list[str], words: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        load_recipe(recipe, changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recipes_that_are_each_others_base(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"base: {base}.yaml")
    with pytest.raises(DescriptionError, match=r"a\.yaml: base: a recipe cannot be its own base"):
        load_recipe(tmp_path / "a.yaml")


def test_the_schema_accepts_presets_and_refuses_misspelt_fields() -> None:
    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in preset_names():
        assert validator.is_valid(yaml.safe_load(recipe_text(load_recipe(name))))
    assert validator.is_valid({"base": "rsb_a3", "optimizer": {"learning_rate": 0.1}})
    assert not validator.is_valid({"base": "rsb_a3", "optimiser": {}})
    assert not validator.is_valid({"epochs": 3})


def test_recipes_are_read_without_torch() -> None:
    code = "import sys, sasa_nas.recipes as r; r.load_recipe('rsb_a2'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
