"""Tracking with TensorBoard: event files, which `tensorboard --logdir` shows."""

from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from torch.utils.tensorboard import SummaryWriter

from sasa_nas.tracking.places import no_link
from sasa_nas.tracking.tracker import Earlier, OpenRun, RunDescription, Status, Tracker


class TensorBoard:
    """TensorBoard, of which every run is a folder."""

    name = "tensorboard"

    def open(self, folder: Path, group: str) -> Tracker:
        """Return a tracker that writes into `folder`."""
        return _Folder(folder)


class _Folder:
    """The `Tracker`."""

    destination = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, run: RunDescription, earlier: Earlier | None) -> OpenRun:
        """Begin the run's event file; a reader hides later steps of an earlier one, which a kill left unnoted."""
        first = None if earlier is None else earlier.step + 1
        writer = SummaryWriter(str(no_link(self._folder / run.key)), purge_step=first)
        if earlier is None:
            started = plugin_data_pb2.SessionStartInfo(group_name=run.key)
            for name, value in run.parameters.items():
                if isinstance(value, bool):
                    started.hparams[name].bool_value = value
                elif isinstance(value, str):
                    started.hparams[name].string_value = value
                else:
                    started.hparams[name].number_value = value
            data = plugin_data_pb2.HParamsPluginData(session_start_info=started)
            _add(writer, metadata.SESSION_START_INFO_TAG, data)
        return _EventFile(run.key, writer)


class _EventFile:
    """The `OpenRun`."""

    def __init__(self, key: str, writer: SummaryWriter) -> None:
        self.id = key
        self._writer = writer

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, step: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        """Write results as scalars, and texts; the status for its table of hyperparameters if it is final.

        A reader takes the first status of a run, so that one to be gone on with has none.
        """
        for name, value in results.items():
            self._writer.add_scalar(f"final/{name}", value, step)
        for name, text in {"status": status.value, **notes}.items():
            self._writer.add_text(name, text, step)
        if status.final:
            code = api_pb2.STATUS_FAILURE if status is Status.FAILED else api_pb2.STATUS_SUCCESS
            ended = plugin_data_pb2.SessionEndInfo(status=code)
            _add(self._writer, metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=ended))
        self._writer.close()


def _add(writer: SummaryWriter, tag: str, data: plugin_data_pb2.HParamsPluginData) -> None:
    """Write a record of the plugin of hyperparameters, whose own functions for that need TensorFlow."""
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))
    writer.file_writer.add_summary(Summary(value=[value]))
