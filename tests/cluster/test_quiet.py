"""Ray's own lines stay out of the program's progress, unless a person has said otherwise."""

import os

import pytest

from sasa_nas.cluster.quiet import keep_ray_quiet


def test_settings_are_made_before_ray_reads_them_and_leave_a_persons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_DEDUP_LOGS_SKIP_REGEX", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    keep_ray_quiet()
    assert os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] == "."
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"
