"""Export a network, and load it where sasa-nas is not installed.

    python examples/load_export.py

The second half of the program is all that the other machine needs: torch, and the export's folder.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import sasa_nas

ELSEWHERE = """
import sys

import torch

sys.modules["sasa_nas"] = None  # as if it were not installed
sys.path.insert(0, sys.argv[1])
from model import load

network = load()
image = torch.zeros(1, 3, 224, 224)
print("logits", tuple(network(image).shape))
"""


def main() -> None:
    """Export SASA's ResNet-26 with random weights, and run it in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        exported = sasa_nas.export("sasa_resnet26", sasa_nas.ExportRequest(out=Path(place) / "sasa_resnet26"))
        print("wrote", ", ".join(exported.files))
        subprocess.run([sys.executable, "-c", ELSEWHERE, str(exported.folder)], check=True)


if __name__ == "__main__":
    main()
