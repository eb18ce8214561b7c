"""Source of the single-file module of an exported detector."""

import torch
from torch import nn

from sasa_nas._version import __version__
from sasa_nas.detection.description import Detector
from sasa_nas.detection.exporting.network import for_inference
from sasa_nas.detection.layers.retinanet import Detections, RetinaNet
from sasa_nas.detection.network import build_detector
from sasa_nas.exporting.constructor import describe, layout
from sasa_nas.exporting.module_text import comment, module_text
from sasa_nas.exporting.names import CONFIG_FILE, WEIGHTS_FILE
from sasa_nas.exporting.sources import Import

_HEADER = """\
# {title}
#
# Made by sasa-nas {version} from the architecture {id}. SPDX-License-Identifier: Apache-2.0
# This file needs torch alone. `load()` builds the network and reads {weights} beside this file.

\"\"\"A detector of objects of {classes} classes, in images fitted into {height} x {width}.\"\"\"
"""

_FOOTER = """\
def build() -> RetinaNet:
    \"\"\"The network of architecture {id}, freshly initialised from torch's random state.\"\"\"
    return {call}


def load(weights: str | Path | None = None) -> RetinaNet:
    \"\"\"The trained network, in evaluation mode, on the CPU; `detect` finds the objects in an image.

    Args:
        weights: A safetensors file; default: {weights} beside this file. Names of classes are read from
            {config} beside this file, if there is one.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is damaged.
        RuntimeError: If its weights are those of another network.
    \"\"\"
    path = Path(__file__).with_name("{weights}") if weights is None else Path(weights)
    model = build()
    model.load_state_dict(read_safetensors(path))
    config = Path(__file__).with_name("{config}")
    if config.is_file():
        model.class_names = tuple(json.loads(config.read_text(encoding="utf-8")).get("label_names", ()))
    return model.eval()
"""


def detector_source(detector: Detector, title: str) -> str:
    """Return the source of a module that builds and loads one detector with torch alone.

    Its public names are `build`, `load`, `RetinaNet` and `Detections`.

    Args:
        detector: The detector.
        title: One line for the top of the file; line breaks in it become spaces.

    Raises:
        ValueError: If a layer of the network cannot be carried over.
    """
    classes: set[type[nn.Module]] = {RetinaNet}
    with torch.device("meta"):
        network = for_inference(build_detector(detector))
        call = layout(describe(network, classes), indent=4, prefix=len("return "))
    image = detector.backbone.image
    header = _HEADER.format(
        title=comment(title),
        version=__version__,
        id=detector.id,
        weights=WEIGHTS_FILE,
        height=image.height,
        width=image.width,
        classes=detector.num_classes,
    )
    footer = _FOOTER.format(id=detector.id, call=call, weights=WEIGHTS_FILE, config=CONFIG_FILE)
    imports = (
        Import("json", None, "json"),
        Import("pathlib", "Path", "Path"),
        Import("torch", "nn", "nn"),
    )
    return module_text(classes, header=header, footer=footer, imports=imports, own_names={"build", "load"})


PUBLIC = (Detections.__name__, RetinaNet.__name__, "build", "load")
"""Names that the module's package has, too."""
