import io
import random
import re
from pathlib import Path

import pytest
from rich.console import Console

from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.cli.progress import FRONT_ROWS, LineObserver, LiveObserver, Tally, trial_line
from sasa_nas.run import Outcome, RunFolder
from sasa_nas.run.packing import MeasuredShare, Packing, Share, tell_packing
from sasa_nas.searching.observer import EpochReport, SearchObserver
from sasa_nas.searching.sampler_choice import SamplerChoice


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160, markup=False, highlight=False, color_system=None)


def play(observer: SearchObserver, folder: RunFolder, make_record) -> None:
    """Two trials end, one goes on, one was a duplicate; one was done in a session before."""
    observer.search_started(folder, 6, [make_record(0, accuracy=0.9, flops=2_000_000)])
    observer.workers_ready(2)
    for number in (1, 2, 3):
        observer.trial_started(make_record(number))
    observer.epoch_ended(EpochReport(number=3, epoch=2, epochs=4, accuracy=0.42, train_loss=1.0))
    observer.trial_ended(make_record(1, accuracy=0.95, flops=3_000_000))
    observer.trial_ended(make_record(2, outcome=Outcome.DIVERGED).model_copy(update={"reason": "loss is nan"}))
    observer.trial_ended(make_record(4, outcome=Outcome.DUPLICATE))


def test_a_measured_share_is_one_line_on_either(tmp_path) -> None:
    one = MeasuredShare(share=Share(trials=2, cpus=1), images_per_second=1000.0)
    packing = Packing(
        device="cpu",
        device_name="a processor",
        architecture_ids=("abc",),
        trial_bytes=5 * 10**8,
        capacity_bytes=16 * 10**9,
        measured=(one,),
        chosen=one,
    )
    for kind in (LineObserver, LiveObserver):
        console = terminal()
        observer = kind(console)
        observer.measuring()
        if isinstance(observer, LiveObserver):
            console.print(observer.render())
        observer.packed(packing)
        waiting, told = console.file.getvalue().splitlines()
        assert waiting.startswith("measuring how trials best share the machine")
        assert told == tell_packing(packing)


def test_the_sampler_and_why_it_is_taken_are_one_line_on_either() -> None:
    for kind in (LineObserver, LiveObserver):
        console = terminal()
        kind(console).sampler_chosen(SamplerChoice("tpe", "latency is measured"))
        assert console.file.getvalue() == "sampler tpe: latency is measured\n"


def test_what_precedes_the_trainings_is_a_line_on_either() -> None:
    for kind in (LineObserver, LiveObserver):
        console = terminal()
        observer = kind(console)
        observer.preparing("supernet: epoch 1")
        if isinstance(observer, LiveObserver):
            console.print(observer.render())
        assert console.file.getvalue().splitlines() == ["supernet: epoch 1"]


def test_a_log_has_a_line_for_every_training_that_ends(tmp_path, make_record) -> None:
    console = terminal()
    play(LineObserver(console), RunFolder(tmp_path), make_record)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 4
    assert "6 trials, 1 of them done before" in lines[0]
    assert lines[2].startswith("trial 1: 95.00%, 3M FLOPs, 1K params")
    assert "2/6 trained, 2 running, best 95.00%, front 2" in lines[2]
    assert "trial 2: diverged: loss is nan" in lines[3]


def test_a_terminal_shows_what_runs(tmp_path, make_record) -> None:
    console = terminal()
    observer = LiveObserver(console)
    console.print(observer.render())
    play(observer, RunFolder(tmp_path), make_record)
    console.print(observer.render())
    shown = console.file.getvalue()
    assert "checking the space and the data set" in shown
    assert "3/6 trained, 1 running, best 95.00%, front 2, 1 duplicate" in shown
    row = next(line for line in shown.splitlines() if line.startswith("trial 3"))
    assert "epoch 2/4" in row
    assert "42.00%" in row
    front = [line.split()[:4] for line in shown.splitlines() if line.startswith("front")]
    assert front == [["front", "trial", "1", "95.00%"], ["front", "trial", "0", "90.00%"]]
    assert re.search(r"^CPU \d+ %, memory [\d.]+ [MG]B of [\d.]+ [MG]B", shown, re.MULTILINE)


def test_a_long_front_is_cut_at_its_cheap_end(make_record) -> None:
    console = terminal()
    observer = LiveObserver(console)
    observer.search_started(RunFolder(Path("run")), 100, [])
    for number in range(FRONT_ROWS + 3):
        observer.trial_ended(make_record(number, accuracy=0.1 + 0.05 * number, flops=1000 * (number + 1)))
    console.file.truncate(0)
    console.print(observer.render())
    shown = console.file.getvalue()
    assert shown.count("front  trial") == FRONT_ROWS
    assert f"front  trial {FRONT_ROWS + 2}" in shown
    assert "trial 2 " not in shown
    assert "and 3 cheaper ones" in shown


def test_the_front_that_grows_is_the_front_of_all(make_record) -> None:
    chance = random.Random(0)
    records = [make_record(i, accuracy=chance.random(), flops=chance.randrange(1, 50)) for i in range(60)]
    tally = Tally()
    tally.begin(60, records[:20])
    for record in records[20:]:
        tally.end(record)
    assert tally.front == pareto_front(records)
    assert tally.done == 60


def test_time_left_follows_from_the_pace_of_this_session(monkeypatch: pytest.MonkeyPatch, make_record) -> None:
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.progress.time.monotonic", lambda: now[0])
    tally = Tally()
    tally.begin(6, [make_record(0, accuracy=0.9, flops=1000)])
    tally.begin_training()
    assert tally.seconds_left() is None
    tally.start(make_record(1))
    tally.start(make_record(2))
    now[0] += 30.0
    tally.end(make_record(1, accuracy=0.8, flops=1000))
    tally.epochs[2] = EpochReport(number=2, epoch=1, epochs=2, accuracy=0.1, train_loss=1.0)
    # one and a half trainings in 30 s, three and a half to go
    assert tally.seconds_left() == pytest.approx(70.0)


def test_a_trial_without_a_network_has_a_line(make_record) -> None:
    record = make_record(5, outcome=Outcome.BROKEN).model_copy(update={"architecture": None, "reason": "disk full"})
    assert trial_line(record) == "trial 5: broken: disk full, no network, 2 s"


def test_decoding_is_a_bar_on_a_terminal_and_two_lines_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("sasa_nas.cli.decoding.time.monotonic", lambda: now[0])
    log, screen = terminal(), terminal()
    lines, live = LineObserver(log), LiveObserver(screen)
    for done in (256, 512, 768, 1000):
        lines.decoding(done, 1000)
        live.decoding(done, 1000)
        screen.print(live.render())
        now[0] += 2.0
    assert log.file.getvalue().splitlines() == ["decoding 1,000 images, once for all searches", "decoded, 6 s"]
    shown = screen.file.getvalue().splitlines()
    assert [line.strip().removeprefix("━").strip("━╸╺ ") for line in shown[:3]] == [
        f"decoding images, {done} of 1,000" for done in (256, 512, 768)
    ]
    assert shown[3] == "checking the space and the data set ..."


def test_a_log_does_not_speak_of_a_second_s_decoding() -> None:
    log = terminal()
    lines = LineObserver(log)
    for done in (5, 10):
        lines.decoding(done, 10)
    assert log.file.getvalue() == ""
