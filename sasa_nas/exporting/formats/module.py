"""A Python module that needs torch alone."""

from pathlib import Path
from typing import Any

from sasa_nas.exporting.foreign import ForeignFileError
from sasa_nas.exporting.format import Contents, Format, Run, Subject
from sasa_nas.exporting.names import CARD_FILE
from sasa_nas.exporting.task_export import task_export
from sasa_nas.space.network import NetworkDescription

_FILE = "model.py"
_PACKAGE_FILE = "__init__.py"

_INIT = '''\
"""{title}."""

from .model import {imported}

__all__ = [{listed}]
'''

_PROGRAM = """\
import torch
from model import load

network = load()
images = torch.rand({shape})  # standardised as below
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
"""

_NOTE = """\
Run it in this folder, or rename the folder to a Python identifier and `from that_name import load` beside it.

With timm, which the import of `model` tells of the network:

```python
import model
import timm
import torch

network = timm.create_model("local-dir:.", pretrained=True).eval()
images = torch.rand({shape})  # standardised as below
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
```

`num_classes=10` gives it a new classifier, `features_only=True` the maps of its stages; uploaded to the Hugging Face
Hub as it is, this folder is `hf-hub:USER/NAME` to timm.
"""

_HINT = """\
Use it, with torch alone:
  import sys; sys.path.insert(0, {folder!r})
  from model import load
  network = load()"""


def write(subject: Subject, folder: Path) -> None:
    """Write `model.py`, and an `__init__.py` so that the folder can be imported as a package."""
    texts = _texts(subject.architecture, f"{subject.title}: a network exported from sasa-nas")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _texts(architecture: NetworkDescription, title: str) -> dict[str, str]:
    """Return the files of an architecture by their names."""
    task = task_export(architecture)
    package = _INIT.format(
        title=f"The network of architecture {architecture.id}; see {CARD_FILE}",
        imported=", ".join(task.public),
        listed=", ".join(f'"{name}"' for name in task.public),
    )
    return {_FILE: task.source(architecture, title), _PACKAGE_FILE: package}


def inspect(contents: Contents, architecture: NetworkDescription) -> Contents:
    """Check that the module is exactly what this version writes for the architecture, and return it."""
    title = contents[_FILE].partition(b"\n")[0].removeprefix(b"# ").decode(errors="replace")
    written = _texts(architecture, title)
    for name, content in contents.items():
        if content != written[name].encode():
            raise ForeignFileError(
                f"{name} is not what this version of sasa-nas writes for architecture {architecture.id}, so it is not "
                "run"
            )
    return contents


def load(file: Path) -> Run:
    """Return the module's network, as a `Run`."""
    import importlib.util

    import torch

    spec = importlib.util.spec_from_file_location("exported", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()

    @torch.no_grad()
    def run(images: Any) -> Any:
        return network(torch.from_numpy(images))

    return run


FORMAT = Format(
    name="module",
    file=_FILE,
    write=write,
    load=load,
    title="a Python module; needs torch alone",
    library="timm",
    program=_PROGRAM,
    inspect=inspect,
    note=_NOTE,
    hint=_HINT,
    further_files=[_PACKAGE_FILE],
)
