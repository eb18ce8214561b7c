"""Reports and model cards of hostile names: no element, attribute, script or link that we did not write."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from assertions import every
from hostile_text import EVERYTHING, NASTY
from markupsafe import Markup

from sasa_nas.errors import printable, printable_lines
from sasa_nas.exporting.card import ModelCard, render_card
from sasa_nas.report.markup import plain_text, tag
from sasa_nas.run import RunFolder

Ends = Callable[..., int]


class Elements(HTMLParser):
    """Counts elements with the names of their attributes, and keeps what scripts and styles hold."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.code: list[str] = []
        self.text: list[str] = []
        self._in: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self._in = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        (self.code if self._in else self.text).append(data)


def rename(run: Path, text: str) -> None:
    """Puts the text wherever a run may hold one."""
    folder = RunFolder(run)
    info = json.loads(folder.info.read_text())
    info["space"] |= {"name": text, "description": text}
    info["space"]["proxy"]["dataset"] = text
    info |= {"command": text, "device": text, "git": text, "versions": {text: text}}
    folder.info.write_text(json.dumps(info))
    trials = [json.loads(line) for line in folder.log.read_text().splitlines()]
    for trial, data in enumerate(trials, start=1):
        data |= {"reason": text, "choices": {text: text}, "scores": {text: trial / 10}}
    folder.log.write_text("".join(json.dumps(data) + "\n" for data in trials))


def test_a_report_of_hostile_names_has_the_elements_of_a_plain_one(run: Path, ends: Ends) -> None:
    pages = []
    # the plain text is as long, so that nothing is cut off in one page alone
    for text in ("x" * len(EVERYTHING), EVERYTHING):
        rename(run, text)
        assert ends("report", run, "--figures", run / "figures") == 0
        pages.append(Elements((run / "report.html").read_text()))
    plain, hostile = pages
    assert hostile.found == plain.found
    styles_and_script = [[code for code in page.code if not code.startswith("{")] for page in pages]
    assert styles_and_script[0] == styles_and_script[1]
    assert any("alert(1)" in text for text in hostile.text)
    assert not re.search(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", (run / "report.html").read_text())


def test_a_figure_of_hostile_names_is_an_xml_file_without_scripts(run: Path, ends: Ends) -> None:
    rename(run, EVERYTHING)
    assert ends("report", run, "--figures", run / "figures") == 0
    assert ends("pareto", run, "--plot", run / "figures" / "plot.svg") == 0
    files = list((run / "figures").glob("*.svg"))
    assert len(files) > 2
    for file in files:
        names = {element.tag.rpartition("}")[2] for element in ET.parse(file).iter()}
        assert not names & {"script", "img", "foreignObject", "a", "iframe"}, file


@pytest.mark.parametrize("name", [name for name in NASTY if name != "long"])
def test_an_element_holds_any_text(name: str) -> None:
    element = tag("p", NASTY[name], title=NASTY[name])
    (parsed,) = (ET.fromstring(element),)
    shown = NASTY[name].replace("\r", "\ufffd").replace("\u2028", "\ufffd")
    if shown.isprintable() or name == "lines":
        assert parsed.text == shown
    assert list(parsed) == []


def test_markup_stays_and_long_text_is_cut() -> None:
    assert plain_text(Markup("<b>x</b>")) == "<b>x</b>"
    assert len(plain_text(NASTY["long"])) < 250_000


def test_a_card_of_hostile_names_has_no_markup(make_record) -> None:
    text = EVERYTHING
    card = ModelCard(
        text,
        note=text,
        dataset=text,
        class_names=(text, text),
        training_command=text,
        export_command=text,
        versions={text: text},
        weights_license=text,
    )
    plain = render_card(ModelCard("n"), make_record(0).architecture)
    lines = render_card(card, make_record(0).architecture).splitlines()
    assert sum(line.startswith("#") for line in lines) == sum(line.startswith("#") for line in plain.splitlines()) + 1
    for line in (line for line in lines if "alert" in line and not line.startswith("    ")):
        # outside of code, each sign that means something is escaped
        assert not re.search(r"(?<!\\)[<>`*\[]", line), line
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
        assert line.isprintable()
    assert every(line.isprintable() for line in lines)


def test_one_place_makes_text_safe_for_a_terminal() -> None:
    for text in NASTY.values():
        assert printable(text).isprintable()
        assert len(printable(text)) < 5000
        # what is shown is shown alike when it goes through twice
        assert printable(printable(text, longest=100), longest=500) == printable(text, longest=100)
    assert printable("größe 犬 \x1b[2J") == "größe 犬 \\x1b[2J"
    assert printable_lines("a\n\x9bb") == "a\n\\x9bb"
    assert len(printable_lines("a\n" * 10**6).splitlines()) < 300


def test_commands_print_through_that_place_alone() -> None:
    import sasa_nas.cli

    folder = Path(sasa_nas.cli.__file__).parent
    for file in folder.glob("*.py"):
        text = file.read_text()
        if file.name not in ("echo.py", "output.py"):
            assert not re.search(r"(?<![\w.])(typer\.echo|print|Console)\((?!self)", text), file
