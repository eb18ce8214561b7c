"""Collection of the definitions that some classes need, as parts of one stand-alone file."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from sasa_nas.exporting.sources import Definition, Import, SourceModule, Sources

Place = tuple[str, str]
"""A module's dotted name and a name that it defines."""


@dataclass(frozen=True)
class Section:
    """Statements taken from one module, in the module's own order.

    Attributes:
        module: The module's dotted name.
        title: The first line of its docstring.
        definitions: The sources taken.
        is_operator: Whether the module belongs to the package's `ops`.
    """

    module: str
    title: str
    definitions: tuple[Definition, ...]
    is_operator: bool


@dataclass(frozen=True)
class Bundle:
    """The definitions that a set of classes needs.

    Attributes:
        imports: Imports from the standard library and torch.
        sections: Modules, each after those that it needs; those of `ops` first.
        operators: The functions of the package's `ops` that are called, in alphabetical order.
        names: Every name that the sections define.
    """

    imports: frozenset[Import]
    sections: tuple[Section, ...]
    operators: tuple[str, ...]
    names: frozenset[str]


def bundle(roots: Iterable[Place], sources: Sources) -> Bundle:
    """Collect the definitions of `roots` and of all that they use, through the package's imports.

    Functions of the package's `ops` are taken from the `naive.py` that defines them, as that form needs torch alone.

    Args:
        roots: The definitions to begin with.
        sources: Sources of the package.

    Raises:
        ValueError: If something used cannot be carried over: it comes from a third package, two modules
            define the same name, or a definition depends on statements outside it.
    """
    collector = _Collector(sources)
    for place in roots:
        collector.take(place)
    return collector.bundle()


class _Collector:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._ops = f"{sources.package}.ops"
        self._taken: dict[str, set[str]] = {}
        self._needs: dict[str, set[str]] = {}
        self._imports: dict[str, Import] = {}
        self._operators: set[str] = set()

    def take(self, place: Place) -> None:
        """Take a definition and all that it uses."""
        module, name = place
        taken = self._taken.setdefault(module, set())
        if name in taken:
            return
        taken.add(name)
        source = self._sources.module(module)
        for used in sorted(self._require(source, name).uses - {name}):
            found = self._look_up(source, used)
            if isinstance(found, Import):
                self._import(found)
            elif found is not None:
                self._needs.setdefault(module, set()).add(found[0])
                self.take(found)

    def bundle(self) -> Bundle:
        """Return the bundle of the definitions taken so far."""
        owners: dict[str, str] = {}
        for module, names in self._taken.items():
            for name in sorted(names):
                other = owners.setdefault(name, module)
                if other != module or name in self._imports:
                    raise ValueError(f"{module} and {other if other != module else 'an import'} both define {name}")
        sections = [self._section(module) for module in self._in_order()]
        return Bundle(
            imports=frozenset(self._imports.values()),
            sections=tuple(sorted(sections, key=lambda section: not section.is_operator)),
            operators=tuple(sorted(self._operators)),
            names=frozenset(owners),
        )

    def _section(self, module: str) -> Section:
        source = self._sources.module(module)
        # Several names of one assignment share one definition.
        definitions = {id(d): d for d in (source.definitions[name] for name in self._taken[module])}
        in_order = tuple(sorted(definitions.values(), key=lambda definition: definition.line))
        return Section(module, source.title, in_order, self._is_operator(module))

    def _in_order(self) -> list[str]:
        """Return the modules with taken definitions, each after those that it needs."""
        ordered: list[str] = []
        seen: set[str] = set()

        def visit(module: str) -> None:
            if module not in seen:
                seen.add(module)
                for needed in sorted(self._needs.get(module, ())):
                    visit(needed)
                ordered.append(module)

        for module in sorted(self._taken):
            visit(module)
        return ordered

    def _require(self, source: SourceModule, name: str) -> Definition:
        if name in source.opaque:
            raise ValueError(f"{source.name}: {name} depends on statements outside its definition")
        return source.definitions[name]

    def _look_up(self, source: SourceModule, name: str) -> Place | Import | None:
        """Return the origin of a name used in a module; None for local and built-in names."""
        if name in source.definitions:
            return source.name, name
        if name in source.imports:
            return self._follow(source.imports[name], importer=source.name)
        if name in source.opaque:
            raise ValueError(f"{source.name}: {name} is bound in a statement that cannot be bundled")
        return None

    def _follow(self, item: Import, *, importer: str) -> Place | Import:
        if not self._sources.owns(item.module):
            package = item.module.partition(".")[0]
            if package != "torch" and package not in sys.stdlib_module_names:
                raise ValueError(f"{importer} uses {package}; a bundle may use torch and the standard library alone")
            return item
        if item.name is None or item.bound != item.name:
            raise ValueError(f"{importer}: {item.bound} is a module or renamed; import names from {item.module}")
        if self._is_operator(item.module) and not self._is_operator(importer):
            for naive in self._sources.siblings(self._ops, "naive"):
                if item.name in naive.definitions:
                    if naive.definitions[item.name].is_function:
                        self._operators.add(item.name)
                    return naive.name, item.name
        found = self._look_up(self._sources.module(item.module), item.name)
        if found is None:
            raise ValueError(f"{importer}: {item.name} of {item.module} is no definition that can be bundled")
        return found

    def _is_operator(self, module: str) -> bool:
        return module == self._ops or module.startswith(f"{self._ops}.")

    def _import(self, item: Import) -> None:
        other = self._imports.setdefault(item.bound, item)
        if other != item:
            raise ValueError(f"{item.bound} is imported from {item.module} and from {other.module}")
