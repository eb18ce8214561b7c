"""A program of `torch.export`, for any number of images."""

import copy
from pathlib import Path
from typing import Any

import torch

from sasa_nas.exporting.archive import checked_archive
from sasa_nas.exporting.format import Contents, Format, Run, Subject
from sasa_nas.space.network import NetworkDescription

_FILE = "model.pt2"

_PROGRAM = """\
import torch

network = torch.export.load("model.pt2").module()
images = torch.rand({shape})  # standardised as below
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
"""


def write(subject: Subject, folder: Path) -> None:
    """Write the program as a file for `torch.export.load`."""
    # the examples that it was traced with would be written as a pickle, which nothing needs
    program = copy.copy(subject.program)
    program.example_inputs = None
    try:
        torch.export.save(program, folder / _FILE)
    except RuntimeError as error:
        # torch's archives are written in C++, which knows no OSError
        raise OSError(str(error)) from error


def inspect(contents: Contents, architecture: NetworkDescription) -> Contents:
    """Check that the program has only plain tensors and operators of networks, and return it."""
    return {_FILE: checked_archive(_FILE, contents[_FILE])}


def load(file: Path) -> Run:
    """Return the program written by `torch.export.save`, as a `Run`."""
    import torch

    network = torch.export.load(file).module()

    @torch.no_grad()
    def run(images: Any) -> Any:
        return network(torch.from_numpy(images))

    return run


FORMAT = Format(
    name="torch_export",
    file=_FILE,
    write=write,
    load=load,
    title="a program of torch.export for any number of images; needs torch alone",
    program=_PROGRAM,
    inspect=inspect,
)
