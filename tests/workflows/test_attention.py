"""A network and an image for it: whose weights, whose statistics, which pixels."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from assertions import every
from PIL import Image as Pillow

from sasa_nas.data.registry import load
from sasa_nas.data.splits import Splits
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import save_weights
from sasa_nas.models import build
from sasa_nas.run import TrainingFolder, TrainingInfo, TrainingSettings
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import fitted_to
from sasa_nas.workflows.attention import ImageSource, trained_subject, untrained_subject


@pytest.fixture(scope="module")
def digits() -> Splits:
    return load("digits", image_size=6)


@pytest.fixture
def training(
    architecture: Architecture, digits: Splits, make_settings: Callable[..., TrainingSettings], tmp_path: Path
) -> TrainingFolder:
    """A training of the seeds 3 and 1, of which the first is under way."""
    folder = TrainingFolder(tmp_path / "training")
    fitted = fitted_to(architecture, Image(channels=1, height=6, width=6), 10)
    mean, std = digits.standardisation.per_channel()
    info = TrainingInfo(
        name="tiny",
        architecture_id=fitted.id,
        settings=make_settings(seeds=(3, 1)),
        created=datetime(2024, 1, 1, tzinfo=UTC),
        command="",
        versions={},
        git=None,
        device="cpu",
        mean=mean,
        std=std,
    )
    folder.seed(1).path.mkdir(parents=True)
    folder.architecture.write_text(fitted.to_json())
    folder.info.write_text(info.model_dump_json())
    torch.manual_seed(1)
    save_weights(folder.seed(1).weights, build(fitted).state_dict())
    return folder


@pytest.fixture
def export(training: TrainingFolder, tmp_path: Path) -> Path:
    """The same network without a record."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "architecture.json").write_bytes(training.architecture.read_bytes())
    (folder / "model.safetensors").write_bytes(training.seed(1).weights.read_bytes())
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> tuple[Path, torch.Tensor]:
    """An image file of 6 x 6 pixels, and its brightness in [0, 1]."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6), dtype=np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "cat.png")
    return tmp_path / "cat.png", torch.from_numpy(pixels)[None] / 255


def test_a_training_brings_its_data_and_its_first_finished_seed(training: TrainingFolder, digits: Splits) -> None:
    subject = trained_subject(training.path, ImageSource(index=7))
    assert subject.weights == str(training.seed(1).weights)
    assert not subject.network.training
    torch.manual_seed(1)
    expected = build(subject.network.architecture).state_dict()
    assert every(torch.equal(tensor, expected[name]) for name, tensor in subject.network.state_dict().items())
    torch.testing.assert_close(subject.inputs, digits.validation.images[7:8])
    assert subject.image == f"digits, validation image 7 (class {digits.validation.labels[7]})"
    assert subject.picture.shape == (1, 6, 6)
    assert 0 <= subject.picture.min() < subject.picture.max() <= 1
    torch.testing.assert_close(digits.standardisation.apply(16 * subject.picture)[None], subject.inputs)


def test_a_file_is_standardised_as_the_training_was(training: TrainingFolder, digits: Splits, picture) -> None:
    file, pixels = picture
    subject = trained_subject(training.path, ImageSource(file=file))
    torch.testing.assert_close(subject.picture, pixels)
    # the raw digits run from 0 to 16
    torch.testing.assert_close(subject.inputs[0], digits.standardisation.apply(16 * pixels))
    assert subject.image == str(file)


def test_without_a_record_a_file_is_standardised_by_its_own_pixels(export: Path, picture) -> None:
    file, pixels = picture
    subject = trained_subject(export, ImageSource(file=file))
    assert subject.image == f"{file}, standardised by its own pixels"
    expected = (pixels - pixels.mean()) / pixels.std(correction=0)
    torch.testing.assert_close(subject.inputs[0], expected)
    with pytest.raises(UserError, match="give --dataset"):
        trained_subject(export, ImageSource())
    assert trained_subject(export, ImageSource(dataset="digits")).image.startswith("digits")


def test_random_weights_follow_the_seed_alone(architecture: Architecture) -> None:
    source = ImageSource(dataset="digits", index=2)
    state = torch.random.get_rng_state()
    one, same, other = (untrained_subject(architecture, "net", source, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.weights == "random (seed 4)"
    assert not one.network.training
    described = one.network.architecture
    assert (described.image, described.num_classes) == (Image(channels=1, height=8, width=8), 10)
    weights = [subject.network.state_dict()["stem.conv.weight"] for subject in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    torch.testing.assert_close(one.inputs, load("digits").validation.images[2:3])


def test_a_file_is_fitted_to_an_untrained_network(architecture: Architecture, picture) -> None:
    subject = untrained_subject(architecture, "net", ImageSource(file=picture[0]), seed=0)
    assert subject.network.architecture == architecture
    assert subject.inputs.shape == (1, 3, 224, 224)
    torch.testing.assert_close(subject.inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)


def test_no_image_no_data_or_both_are_refused(architecture: Architecture, training: TrainingFolder) -> None:
    with pytest.raises(UserError, match="--image and --dataset exclude each other"):
        ImageSource(file=Path("cat.png"), dataset="digits")
    with pytest.raises(UserError, match="'net' has no data set of its own; give --image or --dataset"):
        untrained_subject(architecture, "net", ImageSource(), seed=0)
    with pytest.raises(UserError, match=r"--index 360: the validation images of 'digits' are 0 to 359"):
        trained_subject(training.path, ImageSource(index=360))
    with pytest.raises(UserError, match=r"cannot read the image 'nowhere\.png'"):
        trained_subject(training.path, ImageSource(file=Path("nowhere.png")))
