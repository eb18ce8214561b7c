"""Train a network on a folder of your own images.

    python examples/own_data.py

The folder holds one folder of images for each class, and is named `imagefolder:PATH` wherever a data set's name stands.
The images here are drawn, so that the example needs none.
"""

import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import sasa_nas


def draw(stripes: str, count: int, generator: torch.Generator) -> Tensor:
    """Return noisy images, `(count, 3, 16, 16)` of uint8, with stripes `across` or `down`."""
    pattern = torch.arange(16).div(4, rounding_mode="floor").remainder(2) * 120 + 60
    image = pattern.view(16, 1).expand(16, 16) if stripes == "across" else pattern.view(1, 16).expand(16, 16)
    noise = torch.randint(-60, 60, (count, 3, 16, 16), generator=generator)
    return (image + noise).clamp(0, 255).to(torch.uint8)


def write_folder(folder: Path, generator: torch.Generator) -> None:
    """Write 40 images of each class, a folder a class."""
    for name in ("across", "down"):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(draw(name, 40, generator)):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / name / f"{number:03}.png")


def main() -> None:
    """Train a small network on a folder of images."""
    generator = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "stripes"
        write_folder(images, generator)
        design = next(iter(sasa_nas.draw_designs("tiny", 1)))
        file = Path(place) / "design.json"
        file.write_text(design.full_size.to_json())
        settings = sasa_nas.TrainingSettings(
            dataset=f"imagefolder:{images}", recipe=sasa_nas.Recipe(epochs=8, batch_size=8)
        )
        summary = sasa_nas.train(str(file), settings, out=Path(place) / "training")
        assert summary.result is not None
        print(f"test accuracy {summary.result.test.mean:.2f}")


if __name__ == "__main__":
    main()
