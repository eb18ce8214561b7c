"""The page as text: what is in it, that nothing foreign gets out of its place, and that it asks nobody."""

import base64
import hashlib
import importlib.util
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from assertions import every
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from sasa_nas.analysis.rank_correlation import RankCorrelation
from sasa_nas.analysis.retrained import Retrained, RetrainedNetwork, SeedMean
from sasa_nas.errors import UserError
from sasa_nas.report import write_report
from sasa_nas.report.data import ReportData
from sasa_nas.report.page import render
from sasa_nas.run import Outcome, SearchSettings, TrialRecord
from sasa_nas.run.phases import Phases

MakeReportData = Callable[..., ReportData]
HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"'&<!--{{7*7}}\u2028"


class Parsed(HTMLParser):
    """Elements with their attributes, and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def data_of(page: str) -> dict[str, object]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    data: dict[str, object] = json.loads(match[1])
    return data


def test_every_member_of_the_front_can_be_reached_and_taken(
    make_report_data: MakeReportData, records: Sequence[TrialRecord]
) -> None:
    data = make_report_data(records)
    page = render(data)
    members = [a for a in Parsed(page).all("g") if "member" in (a.get("class") or "").split()]
    # the chart and the rows, each at two sizes
    numbers = [int(a["data-trial"] or -1) for a in members]
    assert sorted(numbers) == sorted(4 * [r.number for r in data.front])
    assert every((a["tabindex"], a["role"]) == ("0", "button") and a["aria-label"] for a in members)
    trials = data_of(page)["trials"]
    assert isinstance(trials, dict)
    assert {int(n) for n, t in trials.items() if "command" in t} == {
        r.number for r in records if r.outcome is Outcome.TRAINED
    }
    best = data.front[-1].number
    assert trials[str(best)]["command"] == f"sasa-nas export {data.folder.path} --trial {best}"


def test_all_trials_are_in_the_table(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    page = render(make_report_data(records))
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    assert body.count("<tr") == len(records)
    assert body.count("others were better after") == sum(r.outcome is not Outcome.TRAINED for r in records)


def test_a_replayed_run_offers_what_it_can(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    data = make_report_data(records, table="t.json.gz")
    assert f"sasa-nas retrain {data.folder.path} --trial" in render(data)
    assert "sasa-nas export" not in render(data)


def test_other_objectives_of_the_search_are_told(
    make_report_data: MakeReportData, records: Sequence[TrialRecord]
) -> None:
    assert "own objectives" not in render(make_report_data(records))
    slow = [r.model_copy(update={"latency": 0.00125}) for r in records]
    settings = SearchSettings(objectives=("accuracy", "latency"))
    page = render(make_report_data(slow, settings=settings))
    assert "own objectives were accuracy, latency; sasa-nas pareto with --objectives accuracy,latency" in page
    assert page.count('<td class="num wide-only" data-value="0.00125">1.25 ms</td>') == len(records)


def test_hostile_text_stays_text(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    poisoned = [r.model_copy(update={"reason": HOSTILE}) for r in records]
    data = make_report_data(poisoned, command=HOSTILE, git=HOSTILE, device=HOSTILE, versions={HOSTILE: HOSTILE})
    space = {**data.info.space, "name": HOSTILE, "description": HOSTILE}
    page = render(
        make_report_data(
            poisoned, command=HOSTILE, git=HOSTILE, device=HOSTILE, versions={HOSTILE: HOSTILE}, space=space
        )
    )
    parsed = Parsed(page)
    assert [a.get("type") for a in parsed.all("script")] == ["application/json", None]
    assert parsed.all("img") == []
    assert not any(name.startswith("on") for _, attributes in parsed.elements for name in attributes)
    assert "49" not in {text for _, text in parsed.texts}
    assert page.count("{{7*7}}") > 5
    trials = data_of(page)["trials"]
    assert isinstance(trials, dict)
    assert trials["0"]["reason"] == HOSTILE.replace("\u2028", "\\u2028")


def test_the_policy_lets_in_what_the_page_holds_and_nothing_else(
    make_report_data: MakeReportData, records: Sequence[TrialRecord]
) -> None:
    page = render(make_report_data(records))
    policy = next(a["content"] for a in Parsed(page).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for element, source in (("style", "style-src"), ("script", "script-src")):
        content = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}';" in policy


def test_nothing_in_the_page_points_outside(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    page = render(make_report_data(records))
    addresses = set(re.findall(r"\w+://[^\s\"'<]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    parsed = Parsed(page)
    assert not parsed.all("link")
    assert not any({"src", "style", "xlink:href"} & set(attributes) for _, attributes in parsed.elements)
    assert every((a["href"] or "").startswith("#") for a in parsed.all("a"))
    anchors = {attributes.get("id") for _, attributes in parsed.elements}
    assert every((a["href"] or "")[1:] in anchors for a in parsed.all("a"))


def test_ids_are_unique(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    ids = [a["id"] for _, a in Parsed(render(make_report_data(records))).elements if "id" in a]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_runs_with_hardly_anything_in_them(
    make_report_data: MakeReportData, records: Sequence[TrialRecord], kept: int
) -> None:
    trained = [r for r in records if r.outcome is Outcome.TRAINED][:kept]
    page = render(make_report_data(trained))
    assert ("No network of this run&#39;s space is trained to the end yet" in page) == (kept == 0)
    Parsed(page)


def test_records_without_anything_known(make_report_data: MakeReportData) -> None:
    bare = [TrialRecord(number=i, outcome=outcome) for i, outcome in enumerate(Outcome)]
    bare.append(TrialRecord(number=99, outcome=Outcome.TRAINED, accuracy=0.5, flops=1000))
    assert "trained, front" in render(make_report_data(bare))


def test_what_became_of_trials_is_named_as_what_it_is(
    make_report_data: MakeReportData, records: Sequence[TrialRecord]
) -> None:
    early = [Outcome.RUNNING, Outcome.STOPPED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.LOST]
    changed = [r.model_copy(update={"outcome": o, "accuracy": None}) for r, o in zip(records, early, strict=False)]
    page = render(make_report_data([*changed, *(r for r in records[5:] if r.outcome is Outcome.TRAINED)]))
    assert "out_of_memory" not in page
    assert "timed_out" not in page
    assert "failed" not in page
    rows = page[page.index("<tbody>") : page.index("</tbody>")]
    for outcome in ("running", "stopped", "out of memory", "timed out", "lost"):
        assert f'<td class="words">{outcome}</td>' in rows
    assert "1 stopped, 1 out of memory, 1 timed out, 1 lost</small>" in page
    curves = page[page.index('<section id="curves"') : page.index('<section id="all-trials"')]
    assert "</svg>out of memory, timed out, lost</li>" in curves
    # a cross at each end but that of the one still running, at both sizes, and one of each kind in the key
    crosses = [a["class"] for a in Parsed(curves).all("path") if (a["class"] or "").startswith("cross")]
    assert sorted(crosses) == 3 * ["cross"] + 7 * ["cross broken-off"]


def test_five_hundred_trials_are_under_eight_megabytes(long_run: ReportData) -> None:
    assert len(render(long_run).encode()) < 8e6


def test_the_file_lies_in_the_run_and_figures_stand_alone(make_run, make_record, tmp_path: Path) -> None:
    run = make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 3000), make_record(2)])
    written = write_report(run, figures=tmp_path / "figures")
    assert written.page == run / "report.html"
    assert written.page.read_text(encoding="utf-8").startswith("<!doctype html>")
    names = {path.name for path in written.figures}
    assert {"front.svg", "networks.svg", "hypervolume-trainings.svg", "curves.svg"} <= names
    for path in written.figures:
        root = ET.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in path.read_text(encoding="utf-8")
    front = ET.parse(tmp_path / "figures" / "front.svg").getroot()
    told = {text.text: float(text.get("y") or 0) for text in front.iter("{http://www.w3.org/2000/svg}text")}
    assert {"0 of 2 stages attend", "1", "2", "conv", "local attention"} <= told.keys()
    # below what else there is, and inside the picture
    _, top, _, height = map(float, front.attrib["viewBox"].split())
    assert told["FLOPs of one image"] < told["0 of 2 stages attend"] < told["conv"] < top + height


def test_drawings_are_written_as_png_too(make_run, make_record, tmp_path: Path) -> None:
    run = make_run([make_record(i, 0.5 + i / 20, 1000 * (i + 1)) for i in range(6)])
    written = write_report(run, figures=tmp_path / "figures", png=True)
    images = {path.stem: path for path in written.figures if path.suffix == ".png"}
    assert images.keys() == {path.stem for path in written.figures if path.suffix == ".svg"}
    for name, path in images.items():
        _, _, width, height = map(float, ET.parse(path.with_suffix(".svg")).getroot().attrib["viewBox"].split())
        pixels = imread(path)[..., :3]
        assert pixels.shape[:2] == (math.ceil(2 * height), 2 * width), name
        # the corner is paper; letters are as dark as the ink of light pages
        assert pixels[0, 0].min() == 1.0
        assert pixels.sum(axis=2).min() < 1.2


def test_without_the_package_for_png_nothing_is_written(make_run, monkeypatch, tmp_path: Path) -> None:
    run = make_run([])
    with pytest.raises(UserError, match="give that too"):
        write_report(run, png=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package resvg-py: pip install 'sasa-nas\[png\]'"):
        write_report(run, figures=tmp_path / "figures", png=True)
    assert not (tmp_path / "figures").exists()
    assert not (run / "report.html").exists()


def test_a_damaged_curve_costs_a_note(make_run, make_record, tmp_path: Path) -> None:
    run = make_run([make_record(i, 0.5 + i / 100, 1000) for i in range(3)])
    for number in range(2):
        (run / "trials" / f"{number:04d}" / "metrics.jsonl").write_bytes(b"\0\xff")
    written = write_report(run, tmp_path / "r.html")
    (note,) = written.notes
    assert "0000/metrics.jsonl is damaged or foreign" in note
    assert "1 more" in note
    assert "metrics.jsonl is damaged or foreign" in written.page.read_text(encoding="utf-8")


@pytest.fixture
def retrained() -> Retrained:
    """Two networks trained in full, of a proxy that lost."""
    mean = SeedMean(mean=0.8, low=0.7, high=0.9, values=(0.75, 0.85))
    networks = [
        RetrainedNetwork(
            trial=trial,
            architecture_id="0" * 12,
            stem="conv",
            operators=["conv", "local_attention", "pairwise", "conv"],
            flops=10**6 * (trial + 1),
            params=1000,
            proxy_accuracy=0.5,
            validation=mean,
            test=mean,
            on_front=trial == 0,
        )
        for trial in range(2)
    ]
    ranks = {name: RankCorrelation(tau=0.25, low=-0.5, high=0.75, n=9) for name in ("proxy_accuracy", "flops")}
    return Retrained(
        name="target",
        size="target",
        dataset="digits",
        epochs=7,
        seeds=2,
        wanted=3,
        networks=networks,
        correlations=ranks,
        gain=None,
        rival="flops",
        proxy_loses=True,
        verdict="The proxy loses to counting FLOPs.",
    )


def test_full_trainings_are_shown_with_their_bars_and_the_verdict(
    make_report_data: MakeReportData, records: Sequence[TrialRecord], retrained: Retrained
) -> None:
    page = render(replace(make_report_data(records), retrained=[retrained]))
    section = page[page.index('<section id="retrained-target"') :]
    section = section[: section.index("</section>")]
    assert '<p class="warn">The proxy loses to counting FLOPs.</p>' in section
    assert "2 of 3 networks" in section
    assert section.count("<span>80.00%</span> <span>(70.0 to 90.0)</span>") == 4
    # both networks at both sizes, each with its bar; one of the two on the front
    parsed = Parsed(section)
    assert sum(a.get("class") == "whisker" for a in parsed.all("path")) == 4
    assert sum(a.get("class") == "member-dot plain" for a in parsed.all("circle")) == 2
    assert "95% interval 70.00 to 90.00" in section


def test_scores_that_beat_no_count_say_so_and_latency_is_held_against_flops(
    make_report_data: MakeReportData, records: Sequence[TrialRecord]
) -> None:
    page = render(make_report_data(records))
    assert "training-free" not in page
    assert "Do FLOPs tell latency?" not in page
    measured = [
        record.model_copy(
            update={"latency": 1e-9 * (record.flops or 0), "scores": {"naswot": 2.0 * (record.params or 0)}}
        )
        for record in records
    ]
    page = render(make_report_data(measured))
    section = page[page.index('<section id="predictors"') :]
    section = section[: section.index("</section>")]
    assert "<strong>naswot</strong>: no better than counting parameters or FLOPs." in section
    assert "+0.00 (+0.00 to +0.00) against parameters" in section
    assert f"FLOPs sort {len(records)} networks by their measured latency with a tau of +1.00" in section
    for row in ("cost FLOPs", "cost latency", "training-free score naswot"):
        assert section.count(f"<title>{row}:") == 2


def test_the_time_of_all_trials_is_added_up(make_report_data: MakeReportData, records: Sequence[TrialRecord]) -> None:
    assert '<section id="time"' not in render(make_report_data(records))
    timed = [record.model_copy(update={"phases": Phases(train=3.0, evaluate=1.0)}) for record in records[:2]]
    page = render(make_report_data([*timed, *records[2:]]))
    section = page[page.index('<section id="time"') :]
    assert section.index("6.0 s, 75.0%") < section.index("2.0 s, 25.0%") < section.index("</section>")
    assert " 0.0%" not in section, "nobody waited, and nothing was measured or attacked"


def test_a_damaged_retraining_costs_a_note(make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000)])
    (run / "retrain" / "target").mkdir(parents=True)
    (run / "retrain" / "target" / "retrain.json").write_bytes(b"\xff")
    (note,) = write_report(run).notes
    assert "retrain.json cannot be read" in note


@pytest.mark.slow
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_folder_of_rubbish_ends_in_a_page_or_in_one_line(run_files, data: st.DataObject) -> None:
    run, whole = run_files
    for name, content in whole.items():
        (run / name).write_bytes(content)
    name = data.draw(st.sampled_from(sorted(whole)))
    content = whole[name]
    rubbish = st.one_of(
        st.binary(max_size=300),
        st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()), st.lists, max_leaves=9).map(
            lambda value: json.dumps(value).encode()
        ),
        st.integers(0, len(content)).map(lambda end: content[:end]),
        st.tuples(st.integers(0, max(len(content) - 1, 0)), st.binary(min_size=1, max_size=8)).map(
            lambda change: content[: change[0]] + change[1] + content[change[0] + len(change[1]) :]
        ),
    )
    (run / name).write_bytes(data.draw(rubbish))
    try:
        written = write_report(run)
    except UserError as error:
        line = str(error)
    else:
        line = "".join(written.notes)
        Parsed(written.page.read_text(encoding="utf-8"))
    assert len(line.splitlines()) <= 1


@pytest.fixture
def run_files(make_run, make_record) -> tuple[Path, dict[str, bytes]]:
    """A run and the content of its files that a report reads, by their names in the run."""
    run = make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 3000)])
    (run / "trials" / "0000" / "metrics.jsonl").write_text('{"epoch": 1, "accuracy": 0.5}\n')
    names = ("run.json", "trials.jsonl", "trials/0000/metrics.jsonl", "trials/0000/architecture.json")
    return run, {name: (run / name).read_bytes() for name in names}


def test_what_cannot_be_written_is_said(make_run, tmp_path: Path) -> None:
    run = make_run([])
    with pytest.raises(UserError, match="cannot be written"):
        write_report(run, tmp_path / "none" / "r.html")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(run, figures=run / "run.json")


def test_the_baseline_is_marked_and_told(
    make_report_data: MakeReportData, make_record: Callable[..., TrialRecord]
) -> None:
    attends = [make_record(0, 0.9, 3_000_000, pattern="LC"), make_record(1, 0.8, 1_000_000, pattern="LL")]
    assert 'class="baseline"' not in render(make_report_data(attends))
    page = render(make_report_data([*attends, make_record(2, 0.85, 4_000_000, pattern="CC")]))
    # the chart's two sizes, and the key
    assert page.count('class="baseline"') == 3
    assert "The baseline, all convolution, is trial 2: 85.00% at 4M FLOPs, not on the front." in page
    assert "trained, baseline" in page
