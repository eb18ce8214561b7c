"""Results that an earlier call of a benchmark left, for `--only`, which does a part of them anew."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def earlier_results(out: Path, settings: Mapping[str, object], parser: ArgumentParser) -> dict[str, Any]:
    """Return what a file of results holds, nothing if there is none; one of other settings ends the program.

    Args:
        out: The file.
        settings: Entries that it must share with the results to be added.
        parser: Parser that says so.
    """
    if not out.exists():
        return {}
    earlier: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if earlier.get(name) != value:
            parser.error(f"{out} has {name}: {earlier.get(name)}, not {value}; name another --out")
    return earlier
