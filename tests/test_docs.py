"""The documentation names only what is there: files, headings, commands, options, public names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

import sasa_nas
from sasa_nas.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "tables/*.md", "runs/*.md", ".github/*.md")
    for file in ROOT.glob(pattern)
)
SHOWN = [page for page in PAGES if page.is_relative_to(ROOT / "docs") or page.parent == ROOT]
"""Pages that tell users what to type."""

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def fenced(page: Path, language: str) -> list[str]:
    return [text for _, name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub and mkdocs give to headings of plain words."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """Command lines of the program in fenced blocks and in code within the text."""
    for text in fenced(page, ""):
        for line in text.replace("\\\n", " ").splitlines():
            found = re.match(r" *(?:\$ )?(sasa-nas [a-z].*)", line)
            if found:
                yield found[1]
    yield from re.findall(r"`(sasa-nas [a-z][^`]*)`", prose(page))


def test_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/commands.md", "docs/studies/natural_images.md"} <= {
        name_of(page) for page in PAGES
    }
    assert sum(len(list(commands(page))) for page in SHOWN) > 40


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert not missing


def test_every_page_stands_once_in_the_navigation() -> None:
    def files(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict | list):
            for part in entry.values() if isinstance(entry, dict) else entry:
                yield from files(part)

    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert sorted(files(site["nav"])) == pages


def test_commands_have_the_options_that_are_shown() -> None:
    program = typer.main.get_command(app)
    wrong = []
    for page in SHOWN:
        for line in commands(page):
            verb, *words = line.split(" | ")[0].split()[1:]
            known = {option for parameter in program.commands[verb].params for option in parameter.opts} | {"--help"}
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            wrong += [f"{name_of(page)}: {line}: {option}" for option in options - known]
    assert not wrong


@pytest.mark.parametrize("page", [page for page in SHOWN if fenced(page, "python")], ids=name_of)
def test_programs_use_public_names(page: Path) -> None:
    for text in fenced(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sasa_nas":
                assert node.attr in sasa_nas.__all__
