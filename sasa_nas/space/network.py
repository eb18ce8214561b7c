"""Base of the descriptions of whole networks, and their ids."""

import hashlib
import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from sasa_nas.nodes import Node

if TYPE_CHECKING:
    from sasa_nas.space.architecture import Architecture


class NetworkDescription(Node):
    """A network of any task as plain, immutable data.

    Two descriptions are of the same network if and only if they are equal, and then they have the same `id`.

    Attributes:
        task: Name of the task in `sasa_nas.tasks.TASKS`.
    """

    task: ClassVar[str]

    @property
    @abstractmethod
    def trunk(self) -> "Architecture":
        """The architecture with the stem and the stages."""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for equal networks on every machine and version."""
        text = json.dumps(canonical(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """Return all fields, defaults included, as indented JSON, for `load_network`."""
        return self.model_dump_json(indent=2) + "\n"


def canonical(node: Node) -> dict[str, Any]:
    """Return `node` as JSON data without its default values, so that a field added later changes no id.

    `kind` is always kept, as it determines the defaults.
    """
    data: dict[str, Any] = {}
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if name == "kind" or value != field.default:
            data[name] = _canonical_value(value)
    return data


def _canonical_value(value: Any) -> Any:
    if isinstance(value, Node):
        return canonical(value)
    if isinstance(value, tuple):
        return [_canonical_value(item) for item in value]
    return value
