"""Names of the files that every export holds, whatever its formats."""

ARCHITECTURE_FILE = "architecture.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "README.md"
