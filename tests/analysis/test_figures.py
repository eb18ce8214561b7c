"""The figure: its file, what it shows, and that no two labels cover each other."""

import struct
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from sasa_nas.analysis.figures import draw_front, plot_front
from sasa_nas.analysis.pareto import expected_front, pareto_front
from sasa_nas.errors import UserError


def _labels(figure: Figure) -> list[Annotation]:
    texts = figure.axes[0].texts
    return [text for text in texts if isinstance(text, Annotation) and text.get_text().startswith("#")]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_png_has_1600_by_1000_pixels(make_record, tmp_path: Path, count: int) -> None:
    path = tmp_path / "front.png"
    records = [make_record(i, 0.5 + 0.1 * i, 1000 * 3**i) for i in range(count)]
    plot_front(records, path, space="tiny", dataset="digits")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (1600, 1000)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), pytest.param("PDF", b"%PDF", marks=pytest.mark.slow)])
def test_other_formats_by_suffix(make_record, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"front.{suffix}"
    plot_front([make_record(0, 0.5, 1000)], path, space="tiny", dataset="digits")
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["front.gif", "front"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.png"):
        plot_front([], tmp_path / name, space="tiny", dataset="digits")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        plot_front([], tmp_path / "nowhere" / "front.png", space="tiny", dataset="digits")


def test_shows_every_trained_network_and_labels_the_front(make_record) -> None:
    records = [make_record(0, 0.5, 10_000, pattern="CC"), make_record(1, 0.9, 90_000), make_record(2, 0.4, 50_000)]
    figure = draw_front([*records, make_record(3)], space="some_space", dataset="some_data")
    axes = figure.axes[0]
    dots, rings, baseline = axes.collections
    assert baseline.get_offsets().tolist() == [[10_000, 0.5]]
    assert baseline.get_label() == "baseline #0, all convolution"
    assert dots.get_offsets().tolist() == [[10_000, 0.5], [90_000, 0.9], [50_000, 0.4]]
    assert list(dots.get_array()) == [0, 1, 1]
    assert rings.get_offsets().tolist() == [[10_000, 0.5], [90_000, 0.9]]
    assert {text.get_text() for text in _labels(figure)} == {"#0 CC", "#1 CL"}
    assert axes.get_xscale() == "log"
    title = axes.get_title(loc="left")
    assert all(part in title for part in ("some_space", "some_data", "3 trained networks"))


def test_labels_of_a_crowded_front_do_not_cover_each_other(make_record) -> None:
    records = [make_record(i, 0.5 + 0.005 * i, 100_000 + 2000 * i * i) for i in range(30)]
    figure = draw_front(records, space="tiny", dataset="digits")
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.canvas.draw()
    labels = _labels(figure)
    assert 5 <= len(labels) < len(pareto_front(records))
    assert {"#0 CL", "#29 CL"} <= {label.get_text() for label in labels}
    boxes = [Text.get_window_extent(label, renderer) for label in labels]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_equal_networks_do_not_break_the_axes(make_record) -> None:
    figure = draw_front([make_record(i, 0.0, 7) for i in range(3)], space="tiny", dataset="digits")
    low, high = figure.axes[0].get_xlim()
    assert 0 < low < 7 < high


def test_the_front_is_drawn_at_expected_accuracies(make_record) -> None:
    records = [
        make_record(number, 0.8 + 0.01 * (number % 3), 1000 * (1 + number), pattern="CL" if number % 2 else "CC")
        for number in range(12)
    ]
    axes = draw_front(records, space="tiny", dataset="digits").axes[0]
    dots, rings, _ = axes.collections
    expected = expected_front(records)
    assert dots.get_offsets()[:, 1].tolist() == pytest.approx([record.accuracy for record in records])
    assert rings.get_offsets().tolist() == [[record.flops, pytest.approx(record.accuracy)] for record in expected]
    assert [line.get_label() for line in axes.lines] == ["front by expected accuracy"]
