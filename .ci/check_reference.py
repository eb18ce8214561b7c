"""Check that the reference page of the built site has every public name of the package.

Usage: python .ci/check_reference.py build/site/reference/index.html
"""

import sys
from pathlib import Path

import sasa_nas


def main(page: Path) -> int:
    """Return 1 after a line that names what is missing, else 0."""
    text = page.read_text(encoding="utf-8")
    public = [name for name in sasa_nas.__all__ if not name.startswith("_")]
    missing = [name for name in public if f'id="sasa_nas.{name}"' not in text]
    if missing:
        print(f"{page} lacks {', '.join(missing)}: does sasa_nas/__init__.py import them for type checkers?")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
