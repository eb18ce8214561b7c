"""Type of a field with a name of a table."""

from collections.abc import Collection
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema


class NameIn:
    """Pydantic annotation of a text that is one of a table's names, like `Literal` for fixed names.

    The names are looked up when a value is validated, so that names added later are valid, too.

    Args:
        names: The table, or any collection of its names.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.names)}

    def _checked(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.names:
            *others, last = (f"'{name}'" for name in self.names)
            expected = f"{', '.join(others)} or {last}" if others else last
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value
