"""The record of a packing: the share that follows from it, and the line that tells it."""

import pytest

from sasa_nas.run.packing import MeasuredShare, Packing, Share, tell_packing


def packing(device: str, *ways: tuple[int, int, float], chosen: int = 0) -> Packing:
    measured = tuple(
        MeasuredShare(share=Share(trials=trials, cpus=cpus), images_per_second=speed) for trials, cpus, speed in ways
    )
    return Packing(
        device=device,
        device_name="a device",
        architecture_ids=("abc",),
        trial_bytes=450_000_000,
        capacity_bytes=16_000_000_000,
        measured=measured,
        chosen=measured[chosen],
    )


def test_a_line_tells_the_decision_and_all_measurements() -> None:
    told = tell_packing(packing("cpu", (2, 1, 1234.5), (1, 2, 1000.0)))
    assert told == (
        "measured: 2 trials on 1 CPU each 1,234 images/s together, against 1 trial on 2 CPUs 1,000; "
        "a trial takes up to 0.5 of 16 GB"
    )
    told = tell_packing(packing("cuda", (1, 1, 10.0), (4, 1, 30.0), chosen=1))
    assert told.startswith("measured: 4 trials on a card 30 images/s together, against 1 trial on a card 10; ")


@pytest.mark.parametrize("trials", [1, 2, 3, 4, 6, 8, 12, 16, 24, 32])
def test_so_many_trials_fit_on_a_card_and_no_more(trials: int) -> None:
    share = packing("cuda", (trials, 1, 1.0)).gpus_per_trial
    assert trials * share <= 1.0
    assert (trials + 1) * share > 1.0
    assert share == round(share, 4)  # as Ray counts


def test_a_processor_takes_no_card() -> None:
    assert packing("cpu", (2, 1, 1.0)).gpus_per_trial == 0.0
