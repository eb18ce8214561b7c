"""A strict reader of YAML."""

import re
from typing import Any

import yaml

_MOST_VALUES = 20_000
"""Most values of a file, with each alias counted as often as it is used: a few lines can stand for 10^60 of them."""


def check_count(values: int) -> None:
    """Check that a file does not hold too many values.

    Raises:
        ValueError: If it does.
    """
    if values > _MOST_VALUES:
        raise ValueError(f"holds more than {_MOST_VALUES:,} values, each alias counted as often as it is used")


class StrictLoader(yaml.SafeLoader):
    """A loader of YAML that is stricter than PyYAML's safe one.

    1e8 is a number. Repeated keys are errors, and so are 016 and 1:00, which YAML 1.1 reads as 14 and 60.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node, unless there are too many."""
        self._values += 1
        check_count(self._values)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings of `<<` into a mapping, unless it becomes too large."""
        super().flatten_mapping(node)
        check_count(len(node.value))

    def construct_plain_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number, which must be decimal and without colons."""
        text = node.value.replace("_", "")
        digits = text.lstrip("+-")
        if ":" in text or (len(digits) > 1 and digits[0] == "0" and digits[1].isalnum() and digits[1] not in "eE"):
            shown = digits.lstrip("0") or "0"
            meant = f"write {shown}" if shown.isdigit() else "write a decimal number"
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value} is read as different numbers by different programs; {meant}", node.start_mark
            )
        if node.tag == "tag:yaml.org,2002:int":
            return int(self.construct_yaml_int(node))
        return float(self.construct_yaml_float(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping, which must have no repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a field's name must be plain", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    StrictLoader.add_constructor(_tag, StrictLoader.construct_plain_number)
