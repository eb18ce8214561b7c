from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from training_cases import INFO

from sasa_nas.documents import DescriptionError
from sasa_nas.run import RunError, TrainingFolder, TrainingSettings, read_result, read_training
from sasa_nas.run.training_records import Score, SeedResult, Spread, TrainingResult, validate_settings

SCORE = Score(accuracy=0.75, loss=0.5)
RESULT = TrainingResult(
    name="net",
    architecture_id="0123456789ab",
    dataset="digits",
    epochs=2,
    seeds=(SeedResult(seed=3, validation=SCORE, test=SCORE),),
    validation=Spread.of([0.75]),
    test=Spread.of([0.75]),
)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_spread_is_numpys_mean_and_sample_deviation(values: list[float]) -> None:
    spread = Spread.of(values)
    assert spread.n == len(values)
    assert spread.mean == pytest.approx(np.mean(values))
    if len(values) == 1:
        assert spread.std is None
    else:
        assert spread.std == pytest.approx(np.std(values, ddof=1), abs=1e-12)


def test_records_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.info.write_text(INFO.model_dump_json(indent=2))
    folder.result.write_text(RESULT.model_dump_json(indent=2))
    assert read_training(folder) == INFO
    assert read_result(folder) == RESULT


def test_a_result_has_a_validation_part_for_all_seeds_or_for_none(tmp_path: Path) -> None:
    facts = {"name": "net", "architecture_id": "0123456789ab", "dataset": "digits", "epochs": 2}
    seeds = [SeedResult(seed=seed, validation=None, test=SCORE) for seed in (3, 4)]
    whole = TrainingResult.of(seeds, **facts)
    assert (whole.validation, whole.validation_accuracies, whole.test) == (None, (), Spread.of([0.75, 0.75]))
    folder = TrainingFolder(tmp_path)
    folder.info.write_text(INFO.model_dump_json())
    folder.result.write_text(whole.model_dump_json())
    assert read_result(folder) == whole
    assert TrainingResult.of([RESULT.seeds[0]], **facts) == RESULT
    with pytest.raises(ValidationError, match="of all seeds, or of none"):
        TrainingResult.of([seeds[1], RESULT.seeds[0]], **facts)


def test_the_whole_train_part_is_for_full_recipes() -> None:
    recipe = {"epochs": 1, "batch_size": 8, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    full = {"dataset": "digits", "whole_train": True, "recipe": recipe}
    assert validate_settings(TrainingSettings, full, "the file").whole_train
    with pytest.raises(
        DescriptionError, match=r"^the file: whole_train: is for full recipes alone; give --recipe, see"
    ):
        validate_settings(TrainingSettings, full | {"recipe": {"epochs": 1}}, "the file")


@pytest.mark.parametrize(("read", "words"), [(read_training, "sasa-nas train"), (read_result, "train --resume")])
def test_missing_records_say_what_to_do(tmp_path: Path, read, words: str) -> None:
    with pytest.raises(RunError, match=words):
        read(TrainingFolder(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: Invalid JSON"),
        ("[]", "the file"),
        ('{"format": 2}', "format"),
        (INFO.model_dump_json().replace('"seeds":[3,4]', '"seeds":["three"]'), r"settings\.seeds\.0"),
        (INFO.model_dump_json().replace('"recipe":{', '"recipe":{"optimizer":"sgd",'), r"settings\.recipe"),
    ],
)
def test_a_damaged_or_foreign_record_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    folder = TrainingFolder(tmp_path)
    folder.info.write_text(text)
    with pytest.raises(RunError, match=words) as caught:
        read_training(folder)
    assert str(folder.info) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [{"seeds": ()}, {"seeds": (-1,)}, {"seeds": (2**63,)}, {"image_size": 0}, {"width_multiplier": 0.0}, {"epochs": 3}],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings.model_validate({"dataset": "digits", **fields})
