"""The study's page: what stands between two markers is written from the results, the rest by hand."""

import re
from collections.abc import Mapping


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return a page with its blocks replaced.

    A block begins with a line `<!-- begin NAME -->` and ends with `<!-- end NAME -->`.

    Args:
        text: The page.
        blocks: New content by name.

    Raises:
        ValueError: If the page has not exactly these blocks.
    """
    names = re.findall(r"^<!-- begin (\w+) -->$", text, flags=re.MULTILINE)
    if sorted(names) != sorted(blocks):
        raise ValueError(f"the page has the blocks {sorted(names)}, expected {sorted(blocks)}")
    for name, block in blocks.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        head, _, rest = text.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise ValueError(f"block {name} of the page does not end")
        text = f"{head}{begin}{block}\n{end}{tail}"
    return text
