"""Description of a format of exports, and the subject that it is written from."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram

from sasa_nas.errors import UserError
from sasa_nas.exporting.formats import FORMATS
from sasa_nas.exporting.program import trace
from sasa_nas.exporting.task_export import Output, Usage, task_export
from sasa_nas.exporting.weights import built
from sasa_nas.nodes import resolve
from sasa_nas.space.network import NetworkDescription

Run = Callable[[Any], Any]
"""A function from images, a float32 array (B, C, H, W), to the network's output: an array, a tensor, or nested lists or
tuples of them."""

Contents = Mapping[str, bytes]
"""Contents of files by name."""


@dataclass(frozen=True)
class Subject:
    """A network to export.

    Attributes:
        architecture: The network's description.
        weights: State dict of the network.
        title: One line that names it.
    """

    architecture: NetworkDescription
    weights: Mapping[str, Tensor]
    title: str

    @cached_property
    def network(self) -> nn.Module:
        """The network that is exported, in evaluation mode, on the CPU."""
        return task_export(self.architecture).prepare(built(self.architecture, self.weights)).eval()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The network's outputs."""
        return task_export(self.architecture).outputs(self.architecture)

    @cached_property
    def program(self) -> ExportedProgram:
        """The network as a graph of torch's own operators."""
        return trace(self.network, self.architecture.trunk.image)


@dataclass(frozen=True)
class Format:
    """Facts about one format.

    Attributes:
        name: Name of the format.
        file: Name of its main file.
        write: Function that writes a subject's files into a folder; raises `OSError` if they cannot be written.
        load: Function that loads the file, in a process without this package: its source alone is passed to the
            process, so its imports are inside it.
        title: Description of the file and its requirements, for the model card.
        program: A program that uses the file with a classifier, run in the export's folder; `{shape}` stands for that
            of images.
        inspect: Function that checks the contents of the format's files, given the architecture, before anything is
            loaded for verification, and executes nothing. Returns the contents to run; raises `ForeignFileError`
            if running them could do more than compute the network, `UserError` if they are damaged.
        note: Paragraphs below the program, with `{shape}` as in it.
        library: Name of the library that loads a classifier's file, as the Hugging Face Hub names it, if any.
        hint: Lines printed after an export; `{folder}` stands for the export's folder as Python text.
        further_files: Names of files beside `file`.
        write_packages: Optional packages that writing needs, from the package's extra of the format's name.
        load_packages: Optional packages that loading needs.
        needs_torch: Whether loading needs torch.
    """

    name: str
    file: str
    write: Callable[[Subject, Path], None]
    load: Callable[[Path], Run]
    title: str
    program: str
    inspect: Callable[[Contents, NetworkDescription], Contents]
    note: str = ""
    library: str = ""
    hint: str = ""
    further_files: Sequence[str] = ()
    write_packages: Sequence[str] = ()
    load_packages: Sequence[str] = ()
    needs_torch: bool = True

    def require_writer(self) -> None:
        """Raise `UserError` unless the packages that writing needs are installed."""
        self._require(self.write_packages, f"the format {self.name} needs the package {{}}")

    def require_loader(self) -> None:
        """Raise `UserError` unless the packages that loading needs are installed."""
        self._require(self.load_packages, f"checking {self.file} needs {{}}")

    def _require(self, packages: Sequence[str], words: str) -> None:
        for package in packages:
            if importlib.util.find_spec(package) is None:
                raise UserError(f"{words.format(package)}: pip install 'sasa-nas[{self.name}]'")

    def usage_for(self, network: NetworkDescription) -> Usage:
        """Return the use of the file with a network of any task."""
        own = Usage(self.program, self.note, self.library)
        return task_export(network).usages.get(self.name, own)

    def usage(self, network: NetworkDescription) -> str:
        """Return a section of Markdown on the use of the file with a network."""
        image, found = network.trunk.image, self.usage_for(network)
        shape = f"1, {image.channels}, {image.height}, {image.width}"
        program = found.program.format(shape=shape)
        note = f"\n{found.note.format(shape=shape)}" if found.note else ""
        return f"`{self.file}`: {self.title}.\n\n```python\n{program}```\n{note}"


def format_of(name: str) -> Format:
    """Return the registered format of this name."""
    found: Format = resolve(FORMATS[name])
    return found


def all_formats() -> list[Format]:
    """Return every registered format."""
    return [format_of(name) for name in FORMATS]
