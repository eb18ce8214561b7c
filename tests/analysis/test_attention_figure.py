"""The figure of attention: its rows and panels, what they show, and its file."""

import struct
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
import torch
from assertions import every
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sasa_nas.analysis.attention_figure import draw_attention, plot_attention
from sasa_nas.analysis.attention_maps import AttentionMap, AttentionView, Place
from sasa_nas.errors import UserError
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.probe import AttentionProbe

LAYER = LocalAttention2d(4, 4, num_heads=2)


def attention(heads: int = 2, *, operator: str = "local_attention", stage: int | Literal["stem"] = 1) -> AttentionMap:
    weights = torch.rand(heads, 6, 8, generator=torch.Generator().manual_seed(heads))
    if operator == "patchwise":
        weights -= 0.4
    vector = operator == "patchwise"
    probe = AttentionProbe(heads=heads, channels=4, interleaved=vector, signed=vector)
    place = Place(stage, 0, 0, operator, LAYER, probe)
    cell = (2, 6)
    return AttentionMap(place, (5, 13), cell, tuple(range(heads)), weights, weights.mean(0), slice(0, 4), slice(4, 8))


def view(*maps: AttentionMap, network: str = "net", channels: int = 3) -> AttentionView:
    picture = torch.rand(channels, 12, 16, generator=torch.Generator().manual_seed(9))
    return AttentionView(network, "random (seed 0)", "cat.png", picture, list(maps))


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def boxes(axes: Axes) -> list[tuple[float, ...]]:
    """The boxes' left and upper ends, widths and heights, each once."""
    found = [(*box.get_xy(), box.get_width(), box.get_height()) for box in axes.patches]
    return list(dict.fromkeys(found))


def test_a_row_a_map_and_a_panel_a_head() -> None:
    figure = draw_attention(view(attention(2), attention(1, stage="stem"), attention(3, operator="patchwise")))
    assert titles(figure) == [
        *("image", "mean of all heads", "head 0", "head 1"),
        *("image", "mean of all heads", "head 0"),
        *("image", "mean of all groups", "group 0", "group 1", "group 2"),
    ]
    words = "\n".join(text.get_text() for text in figure.texts)
    for expected in ("net", "random (seed 0)", "cat.png", "stage 1, block 0", "stem", "6 x 8, cell 2,6", "pixel 5,13"):
        assert expected in words
    tops = [axes.get_position().y1 for axes in figure.axes if axes.get_title() == "image"]
    assert every(upper > lower for upper, lower in pairwise(tops))


def test_a_map_shows_what_can_be_attended_to_and_marks_the_query() -> None:
    found = attention(2)
    picture, _, _, head = draw_attention(view(found)).axes
    (drawn,) = head.images
    assert torch.equal(torch.from_numpy(drawn.get_array().data), found.weights[1, 0:4, 4:8])
    assert drawn.get_extent() == [4, 8, 4, 0]
    largest = found.weights[1, 0:4, 4:8].max().item()
    assert drawn.get_clim() == pytest.approx((0, largest))
    assert head.get_xlabel() == f"to {largest:.2g}"
    assert boxes(head) == [(6, 2, 1, 1)]
    # a cell is 2 x 2 pixels of the image
    assert picture.images[0].get_extent() == [0, 16, 12, 0]
    assert boxes(picture) == [(8, 0, 8, 8), (12, 4, 2, 2)]


def test_signed_weights_are_centred_on_zero() -> None:
    found = attention(1, operator="patchwise")
    head = draw_attention(view(found)).axes[2]
    reach = found.weights[0, 0:4, 4:8]
    assert reach.min() < 0
    assert head.images[0].get_clim() == pytest.approx((-reach.abs().max().item(), reach.abs().max().item()))
    assert head.get_xlabel() == f"{reach.min().item():.2g} to {reach.max().item():.2g}"


@pytest.mark.parametrize(("channels", "shape"), [(1, (12, 16)), (2, (12, 16)), (3, (12, 16, 3))])
def test_images_of_any_number_of_channels(channels: int, shape: tuple[int, ...]) -> None:
    figure = draw_attention(view(attention(1), channels=channels))
    assert figure.axes[0].images[0].get_array().shape == shape


def test_texts_stay_inside_and_off_the_panels() -> None:
    long = "a_very_long_folder/" * 9
    figure = draw_attention(
        view(attention(1, operator="augmented_conv"), attention(1, operator="patchwise"), network=long)
    )
    renderer = FigureCanvasAgg(figure).get_renderer()
    page = figure.bbox
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert not any(box.overlaps(panel) for panel in panels)


def test_weights_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    found = attention(1, operator="patchwise")
    found.weights.zero_()
    found.mean.zero_()
    plot_attention(view(found), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_file_by_suffix_whole_or_not_at_all(tmp_path: Path) -> None:
    plot_attention(view(attention()), tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert width >= 1000
    assert height >= 300
    plot_attention(view(attention()), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    with pytest.raises(UserError, match=r"must end in \.png"):
        plot_attention(view(attention()), tmp_path / "a.gif")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.svg"}
