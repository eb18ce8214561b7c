"""Names of the files that every export holds, whatever its formats."""

from sasa_nas.files import EXPORTED_WEIGHTS

ARCHITECTURE_FILE = "architecture.json"
WEIGHTS_FILE = EXPORTED_WEIGHTS
EARLIER_WEIGHTS_FILE = "weights.safetensors"
"""Name of the weights in exports of earlier versions."""
CONFIG_FILE = "config.json"
"""Facts about weights and images, as timm and the Hugging Face Hub name them."""
CARD_FILE = "README.md"
