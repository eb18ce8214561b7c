"""Registries of kinds: open unions of descriptions, to which code outside the package may add."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from sasa_nas.nodes.node import Node


class Entry(Protocol):
    """Facts about one kind."""

    @property
    def description(self) -> type[Node]:
        """The type that describes it; its field `kind` has the kind's name as its default."""


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """Registry of the kinds of one sort of part, by name, in the order of registration.

    Args:
        sort: Name of the sort for error messages, such as `operator`.
        find: Function that is called with the name of an unknown kind, which it may register; None for no such
            function.
    """

    def __init__(self, sort: str, find: Callable[[str], None] | None = None) -> None:
        self.sort = sort
        self._find = find
        self._entries: dict[str, E] = {}

    def add(self, entry: E) -> None:
        """Register a kind.

        Raises:
            ValueError: If its description names no kind, or the kind is registered already.
        """
        kind = kind_of(entry.description)
        if kind in self._entries:
            raise ValueError(f"{self.sort} kind '{kind}' is registered already; choose another name")
        self._entries[kind] = entry

    def remove(self, kind: str) -> None:
        """Unregister a kind, if it is registered."""
        self._entries.pop(kind, None)

    def __getitem__(self, kind: str) -> E:
        """Return the entry of a kind.

        Raises:
            KeyError: If it is not registered; the message names the registered ones.
        """
        if not self.knows(kind):
            near = difflib.get_close_matches(kind, self._entries, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise KeyError(f"unknown {self.sort} kind '{kind}'; {hint}known kinds: {', '.join(self._entries)}")
        return self._entries[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._entries

    def knows(self, kind: str) -> bool:
        """Return True if a kind is registered, perhaps after a call of `find`.

        `find` reads installed packages, and may execute code that offers the kind; `in` does neither.
        """
        if kind not in self._entries and self._find is not None:
            self._find(kind)
        return kind in self._entries

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the registered kinds."""
        return tuple(self._entries)


def kind_of(description: type[Node]) -> str:
    """Return the name of the kind that a type describes.

    Raises:
        ValueError: If it has no field `kind` with a text as its default.
    """
    field = description.model_fields.get("kind")
    if field is None or not isinstance(field.default, str):
        raise ValueError(f"{description.__name__} needs a field kind: Literal['name'] = 'name'")
    return field.default


def _itself(model: type[Node]) -> type[Node]:
    return model


def import_folders(package: str, path: Iterable[str], *, first: str) -> None:
    """Import the folders of a package, which registers the kinds in them.

    Args:
        package: Name of the package.
        path: `__path__` of the package.
        first: The folder to import before the others, which come in alphabetical order.
    """
    folders = [module.name for module in pkgutil.iter_modules(path) if module.ispkg]
    for name in sorted(folders, key=lambda name: (name != first, name)):
        importlib.import_module(f"{package}.{name}")


class OneOf:
    """Pydantic annotation of a field with a description of any registered kind.

    The kinds are looked up when a value is checked, not when the type is made, so that those registered later belong
    to it too.

    Args:
        registry: Registry of the kinds.
        derive: Function from a kind's description to the type to validate by, such as the one with choices.
    """

    def __init__(self, registry: Registry[Any], derive: Callable[[type[Node]], type[Node]] = _itself) -> None:
        self.registry = registry
        self.derive = derive

    def type_of(self, kind: object) -> type[Node] | None:
        """Return the type to validate a kind by; None if there is no such kind."""
        if not isinstance(kind, str) or not self.registry.knows(kind):
            return None
        return self.derive(self.registry[kind].description)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        models = [self.derive(entry.description) for entry in self.registry]
        # types whose checks are built when first needed have no schema before
        for model in models:
            model.model_rebuild()
        return {
            "oneOf": [handler(model.__pydantic_core_schema__) for model in models],
            "discriminator": {"propertyName": "kind"},
        }

    def _checked(self, value: Any) -> Node:
        if isinstance(value, Node):
            kind = str(getattr(value, "kind", ""))
            if self.registry.knows(kind) and isinstance(value, self.derive(self.registry[kind].description)):
                return value
            raise PydanticCustomError("model_type", f"must be a description of a kind of {self.registry.sort}")
        if not isinstance(value, Mapping):
            raise PydanticKnownError("model_attributes_type")
        if "kind" not in value:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "'kind'"})
        kind = value["kind"]
        found = self.type_of(kind)
        if found is None:
            known = ", ".join(f"'{name}'" for name in self.registry.kinds)
            raise PydanticKnownError(
                "union_tag_invalid", {"discriminator": "'kind'", "tag": str(kind), "expected_tags": known}
            )
        return found.model_validate(value)
