"""The figure of detections: an image a panel, a box and a label an object, and its file."""

import struct
from pathlib import Path

import pytest
import torch
from matplotlib.axes import Axes
from torch import Tensor

from sasa_nas.detection.figure import draw_detections, plot_detections
from sasa_nas.detection.records import DetectedImage, DetectedObject
from sasa_nas.errors import UserError

CAT = DetectedObject(category="cat", category_id=4, score=0.75, box=(2.0, 3.0, 10.0, 8.0))
DOG = DetectedObject(category="dog $5$", category_id=9, score=0.5, box=(0.0, 0.0, 20.0, 12.0))


def picture(height: int = 12, width: int = 20) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def found(*objects: DetectedObject, image: str = "photos/pet.png") -> DetectedImage:
    return DetectedImage(image=image, height=12, width=20, objects=objects)


def boxes(panel: Axes) -> list[tuple[float, ...]]:
    return [(*box.get_xy(), box.get_width(), box.get_height()) for box in panel.patches]


def test_every_object_has_its_box_and_label_the_surest_on_top() -> None:
    (panel,) = draw_detections([picture()], [found(CAT, DOG)]).axes
    assert panel.get_title() == "pet.png"
    assert boxes(panel) == [(0.0, 0.0, 20.0, 12.0), (2.0, 3.0, 8.0, 5.0)]
    assert [text.get_text() for text in panel.texts] == ["dog $5$ 0.50", "cat 0.75"]
    assert torch.equal(torch.as_tensor(panel.images[0].get_array()), picture().permute(1, 2, 0))


def test_a_category_has_one_colour_in_all_images() -> None:
    figure = draw_detections([picture()] * 2, [found(DOG), found(CAT, DOG)])
    first, second = figure.axes
    assert first.patches[0].get_edgecolor() == second.patches[0].get_edgecolor()
    assert second.patches[0].get_edgecolor() != second.patches[1].get_edgecolor()


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_a_panel_an_image(count: int) -> None:
    figure = draw_detections([picture()] * count, [found(image=f"{i}.png") for i in range(count)])
    shown = [panel for panel in figure.axes if panel.axison]
    assert [panel.get_title() for panel in shown] == [f"{i}.png" for i in range(count)]


def test_files(tmp_path: Path) -> None:
    plot_detections([picture(), picture(300, 20)], [found(CAT), found()], tmp_path / "objects.png")
    content = (tmp_path / "objects.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == 1200
    assert height > 600
    with pytest.raises(UserError, match=r"must end in \.png"):
        plot_detections([picture()], [found()], tmp_path / "objects.txt")
