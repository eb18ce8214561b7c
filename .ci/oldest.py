"""Print the oldest version that pyproject.toml allows of each package that sasa-nas needs, as pip's constraints.

Usage: python .ci/oldest.py > oldest.txt
"""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def oldest(requirements: list[str]) -> list[str]:
    """Return `name==version` for each requirement with a lower bound.

    Args:
        requirements: Such as `ray[tune]>=2.40` or `optuna>=5.0,<6`.

    Raises:
        ValueError: If one has no lower bound.
    """
    found = []
    for requirement in requirements:
        match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)", requirement)
        if match is None:
            raise ValueError(f"pyproject.toml: '{requirement}' has no lower bound; write it as name>=version")
        found.append("==".join(match.groups()))
    return found


def main() -> None:
    """Print the constraints of the package and of its extras that are tested; tools for developers stay current."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    tested = [*extras["onnx"], *extras["png"], *extras["tensorboard"], *extras["timm"]]
    print("\n".join(oldest([*project["dependencies"], *tested])))


if __name__ == "__main__":
    main()
