"""How the file of each format is used, as a model card shows it: complete programs, run in the export's folder."""

from sasa_nas.export.formats import NETWORK_FILES, Format
from sasa_nas.space.architecture import Image

_TITLES: dict[Format, str] = {
    "module": "a Python module; needs torch alone",
    "torch_export": "a program of torch.export for any number of images; needs torch alone",
    "onnx": "for any number of images; needs onnxruntime, or another runtime of ONNX",
}

_PROGRAMS: dict[Format, str] = {
    "module": """\
import torch
from model import load

network = load()
images = torch.rand({shape})  # standardised as below
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
""",
    "torch_export": """\
import torch

network = torch.export.load("model.pt2").module()
images = torch.rand({shape})  # standardised as below
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
""",
    "onnx": """\
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = numpy.random.rand({shape}).astype(numpy.float32)  # standardised as below
(logits,) = session.run(["logits"], {{"images": images}})
print(logits.argmax(axis=1))
""",
}

_MODULE_NOTE = """\
Run it in this folder, or rename the folder to a Python identifier and `from that_name import load` beside it.
"""


def usage(kind: Format, image: Image) -> str:
    """A section of Markdown that tells how a format's file is used.

    Args:
        kind: The format.
        image: What the network takes.
    """
    program = _PROGRAMS[kind].format(shape=f"1, {image.channels}, {image.height}, {image.width}")
    note = f"\n{_MODULE_NOTE}" if kind == "module" else ""
    return f"`{NETWORK_FILES[kind]}`: {_TITLES[kind]}.\n\n```python\n{program}```\n{note}"
