"""The page of a run of five hundred trials in a browser: quiet, alone, inside a phone's screen, and by keyboard."""

from pathlib import Path

import pytest
from headless import Page

from sasa_nas.report.data import ReportData
from sasa_nas.report.page import render

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def address(long_run: ReportData, tmp_path: Path) -> str:
    file = tmp_path / "report.html"
    file.write_text(render(long_run), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("screen", [{}, PHONE, {"width": 320, "height": 600}])
def test_it_loads_without_complaint_or_request_and_overflows_nowhere(
    browser: Page, address: str, screen: dict[str, int], dark: bool
) -> None:
    browser.open(address, **screen, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [address]
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    # nothing sticks out of the page but what scrolls inside a frame of its own
    outside = browser.run(
        """[...document.querySelectorAll('main *')].filter(node => !node.closest('.scroll, pre, .heard')
            && node.getBoundingClientRect().right > window.innerWidth + 1).map(node => node.outerHTML.slice(0, 90))"""
    )
    assert outside == []


def test_the_front_by_keyboard(browser: Page, address: str, long_run: ReportData) -> None:
    browser.open(address)
    member = "document.activeElement.matches('.member')"
    for _ in range(40):
        browser.press("Tab")
        if browser.run(member):
            break
    assert browser.run(member)
    number = int(browser.run("document.activeElement.dataset.trial"))
    assert number == long_run.front[0].number
    shown = browser.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent")
    assert f"Trial {number}" in shown
    command = f"sasa-nas export {long_run.folder.path} --trial {number}"
    assert command in shown
    browser.press("Enter")
    browser.run("new Promise(done => setTimeout(done, 100))")
    assert command in browser.run("document.getElementById('toast').textContent")
    browser.press("Escape")
    assert browser.run("document.getElementById('tip').hidden")
    for _ in range(len(long_run.front) - 1):
        browser.press("Tab")
    assert int(browser.run("document.activeElement.dataset.trial")) == long_run.front[-1].number


STOP = """(() => {
  const node = document.activeElement, last = window.lastStop;
  window.lastStop = node;
  if (node === document.body) return null;
  const ring = ({ outlineStyle, outlineWidth, stroke, strokeWidth }) =>
    (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || (stroke !== 'none' && parseFloat(strokeWidth) >= 3);
  const marks = [node, node.nextElementSibling, node.querySelector('.target')].filter(Boolean);
  const after = !last || Boolean(last.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING);
  return [after, marks.map(mark => getComputedStyle(mark)).some(ring), node.outerHTML.slice(0, 80)];
})()"""
"""Whether the focus lies after where it was, and shows; and on what."""


def test_every_stop_of_the_tab_key_is_in_order_and_shows(browser: Page, address: str, long_run: ReportData) -> None:
    browser.open(address)
    stops = []
    for _ in range(300):
        browser.press("Tab")
        stop = browser.run(STOP)
        if stop is None:
            break
        stops.append(stop)
    assert len(stops) > 20 + 2 * len(long_run.front)
    assert [words for after, shows, words in stops if not (after and shows)] == []
    # the last stop is on the last section's second fold
    assert "summary" in stops[-1][2]


def test_the_table_is_sorted_by_keyboard(browser: Page, address: str, long_run: ReportData) -> None:
    browser.open(address)
    browser.run("[...document.querySelectorAll('#trials th button')].find(b => b.textContent === 'accuracy').focus()")
    first = "document.querySelector('#trials tbody tr').cells[0].textContent"
    browser.press("Enter")
    assert int(browser.run(first)) == max(long_run.records, key=lambda r: r.accuracy or 0.0).number
    browser.press("Enter")
    worst = min((r for r in long_run.records if r.accuracy is not None), key=lambda r: r.accuracy or 0.0)
    assert int(browser.run(first)) == worst.number
    assert browser.run("document.activeElement.textContent") == "accuracy"


def test_pointing_shows_a_network_and_a_click_copies(browser: Page, address: str, long_run: ReportData) -> None:
    browser.open(address)
    best = long_run.front[-1].number
    place = browser.run(
        f"""(() => {{ const node = document.querySelector('.chart.wide .member[data-trial="{best}"]');
            node.scrollIntoView({{block: 'center', behavior: 'instant'}}); const box = node.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2]; }})()"""
    )
    where = {"x": place[0], "y": place[1]}
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", **where)
    assert f"Trial {best}" in browser.run("document.getElementById('tip').textContent")
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)
    browser.run("new Promise(done => setTimeout(done, 100))")
    assert f"--trial {best}" in browser.run("document.getElementById('toast').textContent")


def test_the_table_is_filtered_and_sorted(browser: Page, address: str, long_run: ReportData) -> None:
    browser.open(address)

    def rows() -> list[str]:
        shown: list[str] = browser.run(
            "[...document.querySelectorAll('#trials tbody tr:not([hidden])')].map(row => row.cells[0].textContent)"
        )
        return shown

    # of a long run the first, until all are asked for
    told = "document.getElementById('count').textContent"
    assert (len(rows()), browser.run(told)) == (400, "first 400 of 500 trials")
    browser.run("document.getElementById('more').click()")
    assert (len(rows()), browser.run(told)) == (500, "500 of 500 trials")
    assert browser.run("document.getElementById('more').hidden")
    browser.run("document.getElementById('filter').focus()")
    browser.call("Input.insertText", text="Trained  front")
    assert sorted(map(int, rows())) == sorted(r.number for r in long_run.front)
    assert browser.run(told) == f"{len(long_run.front)} of 500 trials"
    click = "[...document.querySelectorAll('#trials th button')].find(b => b.textContent === '{}').click()"
    browser.run(click.format("accuracy"))
    # the column is of what was seen, the front by what is expected
    seen = {record.number: record.accuracy or 0.0 for record in long_run.records}
    descending = sorted((r.number for r in long_run.front), key=lambda number: -seen[number])
    assert list(map(int, rows())) == descending
    browser.run(click.format("FLOPs"))
    by_cost = [record.number for record in long_run.front]
    assert list(map(int, rows())) == by_cost
    assert browser.run("document.querySelector('#trials th[aria-sort]').textContent") == "FLOPs"
    browser.run("document.querySelector('#trials .copy[tabindex=\"0\"]').focus()")
    browser.press("ArrowDown")
    assert int(browser.run("document.activeElement.dataset.trial")) == by_cost[1]


def test_the_switch_chooses_a_drawing(browser: Page, address: str) -> None:
    browser.open(address)
    hidden = "['trainings', 'time'].map(over => document.getElementById(`hypervolume-${over}`).hidden)"
    assert browser.run(hidden) == [False, True]
    browser.run("document.querySelector('input[value=hypervolume-time]').click()")
    assert browser.run(hidden) == [True, False]
