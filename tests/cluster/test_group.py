"""Requests that a cluster cannot meet, without one."""

import socket

import pytest
import ray

from sasa_nas.cluster import group
from sasa_nas.cluster.request import ClusterRanks
from sasa_nas.errors import UserError


def test_a_cluster_that_does_not_answer_is_named_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(UserError, match=f"no Ray cluster answers at --address {address}.*leave --address out"):
        group.require_room(ClusterRanks(address, 1, 2))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ClusterRanks("a:1", 2, 4), "cuda"),
        (ClusterRanks("a:1", 3, 4), "cpu"),
        (ClusterRanks("a:1", 1, 1, "cpu"), "cpu"),
        (ClusterRanks("a:1", 3, 4, "cuda"), "has 2 GPUs and 8 CPUs, and the training wants 3 GPUs at least"),
        (ClusterRanks("a:1", 9, 9), "wants 9 CPUs at least; lower --gpus, or add nodes"),
        (ClusterRanks("a:1", 1, 1, "cuda:1"), "--device cuda:1 is one GPU of this machine"),
    ],
)
def test_gpus_are_taken_if_there_are_enough(wanted: ClusterRanks, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 2.0})
    if found in ("cpu", "cuda"):
        assert group._device(wanted) == found
        return
    with pytest.raises(UserError, match=found):
        group._device(wanted)


def test_a_ray_without_elastic_trainings_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(num_workers: int, use_gpu: bool) -> tuple[int, bool]:
        return num_workers, use_gpu

    monkeypatch.setattr(group.train, "ScalingConfig", old)
    assert group._scaling(ClusterRanks("a:1", 3, 3), "cuda") == (3, True)
    with pytest.raises(UserError, match="has no elastic trainings: give one number, --gpus 2, or a newer Ray"):
        group._scaling(ClusterRanks("a:1", 2, 3), "cpu")
