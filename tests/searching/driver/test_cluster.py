import socket

import psutil
import pytest
import ray

from sasa_nas.errors import UserError
from sasa_nas.run import SearchSettings
from sasa_nas.searching.driver.cluster import ray_cluster


def test_a_cluster_that_does_not_answer_is_named_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with (
        pytest.raises(UserError, match=f"no Ray cluster answers at --address {address}.*leave --address out"),
        ray_cluster(SearchSettings(address=address), ""),
    ):
        pass


@pytest.mark.slow
def test_more_than_the_machine_has_is_refused_in_a_line() -> None:
    with (
        pytest.raises(UserError, match=r"a trial wants 4096 CPUs and 0 GPUs, but Ray has .* lower --cpus-per-trial"),
        ray_cluster(SearchSettings(cpus_per_trial=4096), ""),
    ):
        pass


def test_a_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: object) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen")

    monkeypatch.setattr(ray, "init", init)
    words = "Ray could not be started on this machine: The current node timed out during startup. This .*; try again"
    with pytest.raises(UserError, match=words), ray_cluster(SearchSettings(), ""):
        pass


@pytest.mark.slow
def test_ray_waits_for_no_worker_when_it_starts() -> None:
    with ray_cluster(SearchSettings(), ""):
        (raylet,) = (child for child in psutil.Process().children() if child.name() == "raylet")
        commands = [" ".join(child.cmdline()) for child in raylet.children(recursive=True)]
    assert any("agent" in command.lower() for command in commands)
    assert not any("default_worker" in command or "IDLE" in command for command in commands)


def test_ray_is_shut_down_to_the_end_though_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def shutdown() -> None:
        calls.append("shutdown")
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 1.0})
    monkeypatch.setattr(ray, "shutdown", shutdown)
    with pytest.raises(KeyboardInterrupt), ray_cluster(SearchSettings(workers=1), "") as slots:
        assert slots == 1
    assert len(calls) == 2
