"""The report as one self-contained HTML file, which works offline and runs no foreign script."""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sasa_nas._version import __version__
from sasa_nas.analysis.front_record import describe_outcomes
from sasa_nas.analysis.labels import compact_count
from sasa_nas.analysis.pareto import pick
from sasa_nas.analysis.where.words import headline
from sasa_nas.files import write_text
from sasa_nas.report.assets import asset
from sasa_nas.report.data import ReportData, gather
from sasa_nas.report.drawings import drawings
from sasa_nas.report.figure_files import require_png, unwritable, write_figures
from sasa_nas.report.markup import plain_text
from sasa_nas.report.operator_colours import colour_style
from sasa_nas.report.sections import sections
from sasa_nas.report.trials_table import trials_data
from sasa_nas.run import Outcome, RunFolder, TrialRecord


@dataclass(frozen=True)
class Fact:
    """A number in large type."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True)
class WrittenReport:
    """Files written by `write_report`.

    Attributes:
        page: The HTML file.
        figures: The files of drawings, if requested.
        notes: One line for each part of the run that could not be read.
    """

    page: Path
    figures: tuple[Path, ...]
    notes: tuple[str, ...]


def write_report(
    run: Path, out: Path | None = None, *, figures: Path | None = None, png: bool = False
) -> WrittenReport:
    """Write the results of a run as one self-contained HTML file.

    Args:
        run: Folder of the run, finished or under way.
        out: The file; default: `report.html` in the run's folder.
        figures: A folder for the drawings as SVG files, made if it does not exist; if None, none are written.
        png: Whether to write the drawings as PNG files, too.

    Raises:
        UserError: If `run` is no run's folder or cannot be read, a file cannot be written, or the package that PNG
            files need is missing.
    """
    if png:
        require_png(figures)
    data = gather(RunFolder(run))
    page = out or run / "report.html"
    content = render(data)
    try:
        write_text(page, content)
    except OSError as error:
        raise unwritable(page, error) from error
    written = write_figures(drawings(data), figures, png=png) if figures is not None else []
    return WrittenReport(page, tuple(written), tuple(data.notes))


def render(data: ReportData) -> str:
    """Return the page."""
    style, script = asset("figure.css") + asset("report.css") + colour_style(), asset("report.js")
    environment = Environment(
        autoescape=True, finalize=plain_text, undefined=StrictUndefined, keep_trailing_newline=True
    )
    created = data.info.created
    return environment.from_string(asset("report.html")).render(
        policy=_policy(style, script),
        version=__version__,
        title=f"{data.summary.space}: where attention helps",
        heading=f"Where does attention help in {data.summary.space}?",
        created=f"{created:%d %B %Y}".lstrip("0"),
        lead=_lead(data),
        facts=_facts(data),
        notes=data.notes,
        sections=sections(data, drawings(data)),
        style=Markup(style),
        script=Markup(script),
        data=_json(trials_data(data)),
    )


def _lead(data: ReportData) -> str:
    counts = data.summary.outcomes
    if not data.front:
        return f"No network is trained to the end yet; {len(data.records)} trials were begun."
    best, knee = pick(data.judged, "best"), pick(data.judged, "knee")
    trained = counts.get(Outcome.TRAINED, 0)
    verb = "is expected to reach" if best.number in data.expected else "reaches"
    text = f"Of {trained:,} networks trained to the end on {data.summary.dataset}, the best {verb} {_place(best)}"
    text += "." if knee is best else f"; the front bends at {_place(knee)}."
    return f"{headline(data.where)} {text}" if data.where.stages or data.where.bounds else text


def _place(record: TrialRecord) -> str:
    return f"{100 * (record.accuracy or 0.0):.2f}% at {compact_count(record.flops or 0)} FLOPs"


def _facts(data: ReportData) -> list[Fact]:
    spent = {outcome: count for outcome, count in data.summary.outcomes.items() if outcome.spent}
    facts = [Fact("trainings", f"{sum(spent.values()):,}", describe_outcomes(spent))]
    if data.front:
        best, knee = pick(data.judged, "best"), pick(data.judged, "knee")
        facts = [
            Fact("best network", f"{100 * (best.accuracy or 0.0):.2f}%", _trial(data, best.number)),
            Fact("knee of the front", f"{100 * (knee.accuracy or 0.0):.2f}%", _trial(data, knee.number)),
            Fact("on the front", str(len(data.front)), "networks that none beats"),
            Fact("hypervolume", f"{data.summary.hypervolume:.3f}", "accuracy x decades of FLOPs"),
            *facts,
        ]
    return facts


def _trial(data: ReportData, number: int) -> str:
    """Return the number of a network of the front, and what was seen of it where another accuracy is expected."""
    if number not in data.expected:
        return f"trial {number}"
    seen = next(record.accuracy or 0.0 for record in data.front if record.number == number)
    return f"trial {number}, expected; {100 * seen:.2f}% seen"


def _policy(style: str, script: str) -> str:
    """Return a content security policy that allows only the page's own style and script, by their hashes."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _json(data: object) -> Markup:
    """Return JSON that is safe in a script element: it cannot end the element or begin a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
