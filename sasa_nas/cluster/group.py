"""Processes of a Ray cluster that train one network together, begun again by Ray Train when nodes leave or join."""

import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
import ray.train.torch
from ray import train
from ray.exceptions import RayError
from ray.util.queue import Empty, Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sasa_nas.cluster.connection import joined
from sasa_nas.cluster.request import ClusterRanks, Listener, Place
from sasa_nas.errors import UserError, one_line
from sasa_nas.training.full.processes import RankFailed
from sasa_nas.training.full.ranks import Ranks

RESTARTS = 3
"""Times that processes are begun again without getting any further."""
GROWTH_SECONDS = 60.0
"""Seconds between looks at whether an elastic training can have more processes; it goes on from its last checkpoint."""
_POLL = 0.2
"""Seconds between looks at messages."""
_ENDING = 10.0
"""Most seconds for which a training that is broken off may give back what it has of the cluster."""
_NODES_EVERY = 2.0
"""Seconds between looks at the nodes."""

Work = Callable[[Place, Any, Callable[[Any], None]], None]
"""Work of a process: its place, the argument, and a function that sends a message to the process that asked for it."""


def run_on_cluster(work: Work, argument: Any, wanted: ClusterRanks, listener: Listener) -> None:
    """Run `work` in processes of a cluster, to the end of all.

    They end with this process, or with any error that leaves this function.

    Args:
        work: Function of a module. It is called anew, in all processes, when one of them is lost or the number of them
            changes, and goes on from what is on the disk.
        argument: Argument of every process, which can be pickled.
        wanted: The cluster, and the number of processes.
        listener: Receiver of what the processes send, called in this thread.

    Raises:
        UserError: If the cluster cannot be reached or holds fewer processes, or this Ray has no elastic trainings.
        RankFailed: If processes fail again and again at the same place.
    """
    with joined(wanted.address):
        device = _device(wanted)
        scaling = _scaling(wanted, device)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        mailbox = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        call = {"work": work, "argument": argument, "device": device, "mailbox": mailbox}
        nodes = _Nodes(wanted.least, device)
        while True:
            before = listener.furthest()
            # not in this process: what it starts must end with Ctrl-C, and Ray Train's handler of it exits
            fit = _fit.options(scheduling_strategy=here).remote(call, scaling)
            try:
                reason = _followed(fit, mailbox, nodes, listener)
            except BaseException:
                # else Ray Train would keep the cluster's resources from others for minutes
                ray.cancel(fit, recursive=False)
                ray.wait([fit], timeout=_ENDING)
                raise
            if reason is None:
                return
            if listener.furthest() <= before:
                raise RankFailed(f"the training failed {RESTARTS + 1} times at the same place: {reason}")


def require_room(wanted: ClusterRanks) -> None:
    """Check that a cluster can run so many processes.

    Args:
        wanted: The cluster, and the number of processes.

    Raises:
        UserError: As for `run_on_cluster`.
    """
    with joined(wanted.address):
        _scaling(wanted, _device(wanted))


def _device(wanted: ClusterRanks) -> str:
    """Return the device of all processes.

    Raises:
        UserError: If the cluster has too few of them.
    """
    if wanted.device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {wanted.device} is one GPU of this machine; on a cluster, use --device cuda")
    gpus, cpus = _count("cuda"), _count("cpu")
    device = ("cuda" if gpus >= wanted.least else "cpu") if wanted.device == "auto" else wanted.device
    if (gpus if device == "cuda" else cpus) < wanted.least:
        raise UserError(
            f"the cluster at --address {wanted.address} has {gpus} GPUs and {cpus} CPUs, and the training wants "
            f"{wanted.least} {'GPUs' if device == 'cuda' else 'CPUs'} at least; lower --gpus, or add nodes"
        )
    return device


def _count(device: str) -> int:
    """Return the number of processes that the cluster's nodes hold, a GPU or a core each."""
    return int(ray.cluster_resources().get("GPU" if device == "cuda" else "CPU", 0.0))


def _scaling(wanted: ClusterRanks, device: str) -> train.ScalingConfig:
    """Return the number of workers for Ray Train.

    Raises:
        UserError: If the number may change, and this version of Ray has no such trainings.
    """
    on_gpus = device == "cuda"
    if wanted.least == wanted.most:
        return train.ScalingConfig(num_workers=wanted.most, use_gpu=on_gpus)
    try:
        return train.ScalingConfig(
            num_workers=(wanted.least, wanted.most),
            use_gpu=on_gpus,
            elastic_resize_monitor_interval_s=GROWTH_SECONDS,
        )
    except TypeError as error:
        raise UserError(
            f"Ray {ray.__version__} has no elastic trainings: give one number, --gpus {wanted.least}, or a newer Ray"
        ) from error


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
def _fit(call: dict[str, Any], scaling: train.ScalingConfig) -> str | None:
    """Let Ray Train run the work, and return why it gave up, if it did."""
    # ours are the checkpoints that count: Ray gets none, but wants a folder
    with tempfile.TemporaryDirectory(prefix="sasa-nas-") as folder:
        trainer = ray.train.torch.TorchTrainer(
            _run,
            train_loop_config=call,
            scaling_config=scaling,
            run_config=train.RunConfig(
                name="training", storage_path=folder, failure_config=train.FailureConfig(max_failures=RESTARTS)
            ),
        )
        try:
            trainer.fit()
        except Exception as error:
            return f"{type(error).__name__}: {one_line(error)[:200]}"
    return None


def _run(call: dict[str, Any]) -> None:
    """Do the work as one of Ray Train's workers."""
    context, mailbox = train.get_context(), call["mailbox"]
    device = ray.train.torch.get_device()
    ranks = Ranks(context.get_world_rank(), context.get_world_size(), device.index or 0)
    if ranks.leads:
        mailbox.put(("grouped", ranks.size))
    place = Place(ranks, call["device"], context.get_local_world_size(), socket.gethostname())
    try:
        call["work"](place, call["argument"], lambda message: mailbox.put(("sent", message)))
    except Exception as error:
        mailbox.put(("failed", f"{type(error).__name__}: {one_line(error)[:200]}"))
        raise


def _followed(fit: Any, mailbox: Queue, nodes: "_Nodes", listener: Listener) -> str | None:
    """Pass messages on until all processes have ended; return why Ray Train gave up, None if it did not."""
    failure: str | None = None
    ended = False
    while True:
        try:
            kind, content = mailbox.get(timeout=None if ended else _POLL, block=not ended)
        except Empty:
            if ended:
                break
            nodes.look(listener)
            ended = bool(ray.wait([fit], timeout=0)[0])
            continue
        match kind:
            case "grouped":
                failure = None
                listener.grouped(content, nodes.taken())
            case "failed":
                # the first one: the others fail for want of it
                failure = failure or content
            case "sent":
                listener.received(content)
    try:
        reason: str | None = ray.get(fit)
    except RayError as error:
        reason = f"{type(error).__name__}: {one_line(error)[:200]}"
    return None if reason is None else failure or reason


@dataclass
class _Nodes:
    """The nodes of the cluster, by their ids.

    Attributes:
        least: Fewest processes that train.
        device: Device of each.
    """

    least: int
    device: str
    _alive: dict[str, str] = field(default_factory=dict)
    _lost: list[str] = field(default_factory=list)
    _waits: bool = False
    _next: float = 0.0

    def look(self, listener: Listener) -> None:
        """Note lost nodes, now and then, and report it if those that are left are too few."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _NODES_EVERY
        alive = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
        self._lost += [address for name, address in self._alive.items() if name not in alive]
        self._alive = alive
        if self._lost and not self._waits and _count(self.device) < self.least:
            self._waits = True
            listener.awaited(self.least, tuple(self._lost))

    def taken(self) -> tuple[str, ...]:
        """Return the addresses of the nodes that were lost since the last call."""
        lost, self._lost, self._waits = tuple(self._lost), [], False
        return lost
