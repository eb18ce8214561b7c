"""Texts, outputs and files of one task's networks in exports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from torch import Tensor, nn

from sasa_nas.nodes import resolve
from sasa_nas.space.network import NetworkDescription
from sasa_nas.tasks import TASKS

if TYPE_CHECKING:
    from sasa_nas.exporting.card import ModelCard

Described = TypeVar("Described", bound=NetworkDescription)


@dataclass(frozen=True)
class Output:
    """One output of a network.

    Attributes:
        name: Its name in graphs.
        unit: Number that differences of it are divided by before they are compared with the tolerance.
    """

    name: str
    unit: float = 1.0


@dataclass(frozen=True)
class Metric:
    """A measure of a network on a part of its data set.

    Attributes:
        title: Title in the card's table.
        kind: Type of metric by the name that the Hugging Face Hub knows.
        split: Part of the data set.
        value: The value, in [0, 1].
    """

    title: str
    kind: str
    split: str
    value: float


@dataclass(frozen=True)
class Usage:
    """Use of a file of one format.

    Attributes:
        program: A program that uses the file, run in the export's folder; `{shape}` stands for that of images.
        note: Paragraphs below the program, with `{shape}` as in it.
        library: Name of the library that loads the file, among those that the Hugging Face Hub knows, if any.
    """

    program: str
    note: str = ""
    library: str = ""


@dataclass(frozen=True)
class TaskExport(Generic[Described]):
    """Texts, outputs and files of one task's networks in exports.

    Attributes:
        pipeline: The task by the name that the Hugging Face Hub knows.
        public: Names of the exported module that its package has, too.
        difference: Noun for a difference that is held against the tolerance.
        source: Function from a description and a title to the source of the exported module.
        prepare: Function from the network of a task's trainings to the one that is exported, of the same tensors.
        reference: Function from the network of a task's trainings to a function from standardised images to the
            outputs that every file of an export has to compute.
        outputs: Function from a description to the network's outputs.
        config: Function from the facts of a card and a description to the content of `config.json`.
        check_config: Function that raises `UserError` unless the content of a `config.json` is of a description.
        summary: Function from a description to a noun phrase for its network.
        metrics: Function from the facts of a card to its metrics.
        preprocessing: Function from the facts of a card and a description to a section of Markdown on the images.
        usages: Use of files by the name of the format; default: that of the format itself.
    """

    pipeline: str
    public: tuple[str, ...]
    difference: str
    source: Callable[[Described, str], str]
    prepare: Callable[[Any], nn.Module]
    reference: Callable[[Any], Callable[[Tensor], Sequence[Tensor]]]
    outputs: Callable[[Described], tuple[Output, ...]]
    config: Callable[["ModelCard", Described], dict[str, Any]]
    check_config: Callable[[bytes, Described], None]
    summary: Callable[[Described], str]
    metrics: Callable[["ModelCard"], list[Metric]]
    preprocessing: Callable[["ModelCard", Described], str]
    usages: Mapping[str, Usage] = field(default_factory=dict)


def task_export(network: NetworkDescription) -> TaskExport[Any]:
    """Return the row of this network's task."""
    found: TaskExport[Any] = resolve(TASKS[network.task].export)
    return found
