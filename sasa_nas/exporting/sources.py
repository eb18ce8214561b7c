"""Parsed source of a package's modules: definitions, imports and other statements."""

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One name that an import statement binds.

    Attributes:
        module: The module imported, or imported from.
        name: The name imported from it; None for the module itself.
        bound: The bound name in the importing module.
    """

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True)
class Definition:
    """A function, a class or an assignment at a module's top level.

    Attributes:
        text: Its source with decorators, the comment above it and the docstring below an assignment.
        line: Number of its first line.
        uses: Every name that it reads, local ones included.
        is_function: Whether it is a function.
    """

    text: str
    line: int
    uses: frozenset[str]
    is_function: bool


@dataclass(frozen=True)
class SourceModule:
    """A parsed module.

    Attributes:
        name: Dotted name of the module.
        title: The first line of its docstring.
        definitions: Its definitions by name.
        imports: Its imports by bound name.
        opaque: Names that other statements at the top level bind or read (`if`, `try`, a bare call), so that
            their definitions alone are not sufficient.
    """

    name: str
    title: str
    definitions: Mapping[str, Definition]
    imports: Mapping[str, Import]
    opaque: frozenset[str]


class Sources:
    """The modules of one package, and some of others, parsed on demand.

    Args:
        package: Name of the package.
        folder: Folder of its `__init__.py`.
        others: Files of modules outside the package, by module name; default: none.
    """

    def __init__(self, package: str, folder: Path, others: Mapping[str, Path] | None = None) -> None:
        self.package = package
        self._folder = folder
        self._others = dict(others or {})
        self._modules: dict[str, SourceModule] = {}

    def owns(self, module: str) -> bool:
        """Return True if `module` is the package, lies in it, or is one of the others."""
        return module in self._others or module == self.package or module.startswith(f"{self.package}.")

    def module(self, name: str) -> SourceModule:
        """Return the module called `name`.

        Raises:
            ValueError: If the package has no such module, or it cannot be parsed.
        """
        if name not in self._modules:
            path = self._folder.joinpath(*name.split(".")[1:])
            file = self._others.get(name, path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
            if not self.owns(name) or not file.is_file():
                raise ValueError(f"{self.package} has no module {name}")
            self._modules[name] = parse_module(name, file.read_text(encoding="utf-8"))
        return self._modules[name]

    def siblings(self, package: str, file: str) -> list[SourceModule]:
        """Return the modules called `file` in the folders of `package`, in alphabetical order."""
        folder = self._folder.joinpath(*package.split(".")[1:])
        return [self.module(f"{package}.{path.parent.name}.{file}") for path in sorted(folder.glob(f"*/{file}.py"))]


def parse_module(name: str, text: str) -> SourceModule:
    """Parse a module's source.

    Args:
        name: Dotted name of the module.
        text: Source of the module.

    Raises:
        ValueError: If it has an import that cannot be followed name by name.
    """
    tree = ast.parse(text)
    lines = text.splitlines()
    definitions: dict[str, Definition] = {}
    imports: dict[str, Import] = {}
    opaque: set[str] = set()
    for i, statement in enumerate(tree.body):
        following = tree.body[i + 1] if i + 1 < len(tree.body) else None
        bound = _defined_names(statement)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.update({item.bound: item for item in _imports(name, statement)})
        elif bound:
            definition = _definition(statement, following, lines)
            for key in bound:
                definitions[key] = _merged(definitions.get(key), definition)
        elif not _is_text(statement):
            opaque |= _names(statement)
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    return SourceModule(name, title, definitions, imports, frozenset(opaque - set(dir(builtins))))


def _defined_names(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines; none if it does anything else as well."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            parts = [part for target in targets for part in _unpacked(target)]
            return [part.id for part in parts if isinstance(part, ast.Name)] if all(map(_is_name, parts)) else []
    return []


def _unpacked(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, ast.Tuple) else [target]


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _is_text(statement: ast.stmt | None) -> bool:
    """Return True if a statement is a string alone, as a docstring is."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _names(node: ast.AST) -> set[str]:
    """Return all plain names below `node`, and the names that imports below it bind."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in part.names}
    return names


def _imports(module: str, statement: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if "." in alias.name and alias.asname is None:
                raise ValueError(f"{module}: `import {alias.name}` cannot be bundled; use `from ... import ...`")
            yield Import(alias.name, None, alias.asname or alias.name)
        return
    source = statement.module
    if statement.level or source is None or source == "__future__":
        raise ValueError(f"{module}: relative and __future__ imports cannot be bundled (line {statement.lineno})")
    for alias in statement.names:
        if alias.name == "*":
            raise ValueError(f"{module}: `from {source} import *` cannot be bundled; name what is used")
        yield Import(source, alias.name, alias.asname or alias.name)


def _definition(statement: ast.stmt, following: ast.stmt | None, lines: list[str]) -> Definition:
    decorators = statement.decorator_list if isinstance(statement, ast.FunctionDef | ast.ClassDef) else []
    start = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    while start > 1 and lines[start - 2].startswith("#"):
        start -= 1
    end = statement.end_lineno or statement.lineno
    is_assignment = isinstance(statement, ast.Assign | ast.AnnAssign)
    if is_assignment and following is not None and _is_text(following):
        end = following.end_lineno or end
    return Definition(
        text="\n".join(lines[start - 1 : end]),
        line=start,
        uses=frozenset(_names(statement)),
        is_function=isinstance(statement, ast.FunctionDef),
    )


def _merged(earlier: Definition | None, later: Definition) -> Definition:
    """Merge two definitions of one name, as with `typing.overload`."""
    if earlier is None:
        return later
    text = f"{earlier.text}\n\n\n{later.text}"
    return Definition(text, earlier.line, earlier.uses | later.uses, later.is_function)
