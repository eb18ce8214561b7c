"""Who may import whom: the arrows between the package's rooms, read from the sources."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from assertions import every

import sasa_nas

PACKAGE = Path(sasa_nas.__file__).parent
FOLDERS = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
ROOMS = sorted(FOLDERS | {file.stem for file in PACKAGE.glob("*.py") if file.stem[0] != "_"})

OWN_ROOMS = {
    "child_processes": {"scratch"},
    "errors": set(),
    "files": set(),
    "scratch": set(),
    "ops": {"files"},
    "layers": {"ops"},
    "nodes": set(),
    "tasks": set(),
    "operators": {"errors", "files", "layers", "nodes", "ops"},
    "stems": {"nodes", "operators"},
    "channel_attention": {"layers", "nodes"},
    "blocks": {"channel_attention", "layers", "nodes", "operators"},
    "documents": {"errors", "files", "nodes"},
    "recipes": {"documents", "errors", "nodes"},
    "space": {
        *("blocks", "channel_attention", "documents", "errors", "files"),
        *("nodes", "operators", "recipes", "stems", "tasks"),
    },
    "synthetic": {"errors", "operators", "space"},
    "streaming": {"child_processes", "data", "errors", "files", "recipes"},
    "cluster": {"errors", "training"},
    "models": {"blocks", "channel_attention", "errors", "layers", "nodes", "operators", "space", "stems"},
}
"""All rooms that the innermost rooms may know."""

FORBIDDEN = {
    "cost": {"searching", "scoring", "workflows", "data", "training", "run", "analysis", "exporting", "cli", "api"},
    "data": {"searching", "scoring", "workflows", "training", "run", "analysis", "exporting", "cli", "api"},
    "training": {"searching", "scoring", "supernet", "workflows", "run", "analysis", "exporting", "cli", "api"},
    "scoring": {"searching", "workflows", "run", "table", "analysis", "exporting", "cli", "api"},
    "supernet": {"searching", "scoring", "workflows", "run", "table", "analysis", "exporting", "cli", "api"},
    "run": {
        "searching",
        "workflows",
        "supernet",
        "training",
        "layers",
        "models",
        "analysis",
        "exporting",
        "cli",
        "api",
    },
    "searching": {"workflows", "cli", "api", "analysis", "exporting"},
    "table": {"searching", "workflows", "analysis", "exporting", "cli", "api"},
    "workflows": {"searching", "analysis", "cli", "api"},
    "detection": {"searching", "scoring", "table", "report", "cli", "api"},
    "analysis": {"searching", "workflows", "supernet", "training", "exporting", "report", "cli", "api"},
    "report": {
        "searching",
        "workflows",
        "supernet",
        "training",
        "scoring",
        "exporting",
        "layers",
        "models",
        "cli",
        "api",
    },
    "exporting": {"searching", "workflows", "training", "scoring", "run", "analysis", "report", "cli", "api"},
    "surrogate": {"searching", "workflows", "training", "analysis", "exporting", "report", "cli", "api"},
    "testing": {"searching", "workflows", "training", "run", "table", "report", "cli", "api"},
    "tracking": {
        *("data", "scoring", "supernet", "detection", "models", "layers", "ops", "surrogate", "synthetic"),
        *("table", "analysis", "exporting", "report", "testing", "api", "cli"),
    },
    "api": {"cli"},
}
"""Rooms that the others must not know."""

OUTSIDE = {
    "ray": {"cluster", "searching"},
    "fsspec": {"searching"},
    "optuna": {"searching", "run"},
    "psutil": {"cli", "searching"},
    "rich": {"cli"},
    "typer": {"cli"},
    "yaml": {"documents", "recipes"},
    "sqlalchemy": set(),
    "matplotlib": {"analysis", "detection"},
    "jinja2": {"report"},
    "moocore": {"analysis", "searching"},
    "torchvision": {"data", "detection", "streaming"},
    "pycocotools": {"detection"},
    "sklearn": {"data"},
    "scipy": {"analysis", "table"},
    "onnxruntime": {"exporting"},
    "resvg_py": {"report"},
    "tensorboard": {"tracking"},
    "wandb": {"tracking"},
    "mlflow": {"tracking"},
    "pydantic": {
        *("nodes", "documents", "recipes", "operators", "stems", "channel_attention", "blocks", "space", "testing"),
        *("run", "table", "supernet", "analysis", "detection", "searching", "workflows", "exporting", "cli"),
        "tracking",
    },
}
"""Packages that only some rooms may import."""


PARTS_OF_SEARCHING = {
    "propose": {"measurements", "plan", "observer"},
    "worker": {"measurements", "plan", "storage"},
    "driver": {"propose", "worker", "measurements", "new_run", "observer", "plan", "storage"},
    "simulate": {"propose", "new_run", "observer", "plan"},
}
"""All parts of `searching` that a part of it may know."""


def sources(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


def imported(file: Path) -> Iterator[str]:
    """The dotted names of all imports in a file, those inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def neighbours(room: str) -> frozenset[str]:
    """The other rooms that a room imports."""
    names = (name.split(".") for file in sources(room) for name in imported(file))
    found = {name[1] for name in names if name[0] == "sasa_nas" and len(name) > 1}
    return frozenset(found & set(ROOMS) - {room})


@functools.cache
def strangers(room: str) -> frozenset[str]:
    """The packages outside ours and outside the standard library that a room imports."""
    found = {name.split(".")[0] for file in sources(room) for name in imported(file)}
    return frozenset(found - set(sys.stdlib_module_names) - {"sasa_nas"})


def test_the_tables_speak_of_rooms_that_are_there() -> None:
    assert set(OWN_ROOMS) | set(FORBIDDEN) <= set(ROOMS)
    assert set().union(*FORBIDDEN.values(), *OWN_ROOMS.values(), *OUTSIDE.values()) <= set(ROOMS)


def test_the_reader_of_imports_sees_them() -> None:
    assert {"space", "layers"} <= neighbours("models")
    assert "pydantic" in strangers("space")


@pytest.mark.parametrize("room", OWN_ROOMS)
def test_inner_rooms_know_few_others(room: str) -> None:
    assert neighbours(room) <= OWN_ROOMS[room]


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_arrow_points_outward(room: str) -> None:
    assert not neighbours(room) & FORBIDDEN[room]


@pytest.mark.parametrize("part", PARTS_OF_SEARCHING)
def test_the_parts_of_searching_know_few_others(part: str) -> None:
    names = (name.split(".") for file in (PACKAGE / "searching" / part).rglob("*.py") for name in imported(file))
    parts = {name[2] for name in names if name[:2] == ["sasa_nas", "searching"] and len(name) > 2}
    assert parts - {part} <= PARTS_OF_SEARCHING[part]


def test_ray_stays_with_the_driver() -> None:
    files = [file for file in sources("searching") if "ray" in {name.split(".")[0] for name in imported(file)}]
    assert files
    assert {file.relative_to(PACKAGE / "searching").parts[0] for file in files} <= {"driver", "session.py"}


def test_what_asks_a_cluster_for_processes_imports_no_ray() -> None:
    files = [file.stem for file in sources("cluster") if "ray" in {name.split(".")[0] for name in imported(file)}]
    assert sorted(files) == ["connection", "group"]


@pytest.mark.parametrize("package", OUTSIDE)
def test_packages_stay_in_their_rooms(package: str) -> None:
    assert {room for room in ROOMS if package in strangers(room)} <= OUTSIDE[package]


def test_optuna_is_used_by_its_public_names() -> None:
    names = {name for room in ROOMS for file in sources(room) for name in imported(file)}
    of_optuna = {name for name in names if name.split(".")[0] == "optuna"}
    assert of_optuna
    assert not {name for name in of_optuna if any(part[0] == "_" for part in name.split("."))}


def test_the_command_line_alone_knows_the_conformance_suites() -> None:
    assert {room for room in ROOMS if "testing" in neighbours(room)} == {"cli"}


def test_the_command_line_and_the_api_alone_know_detection() -> None:
    assert {room for room in ROOMS if "detection" in neighbours(room)} <= {"cli", "api"}


def test_the_command_line_alone_knows_trackers() -> None:
    assert {room for room in ROOMS if "tracking" in neighbours(room)} == {"cli"}


def test_each_tracker_stays_in_its_file() -> None:
    tools = {"tensorboard", "wandb", "mlflow"}
    found = {file.stem: {name.split(".")[0] for name in imported(file)} & tools for file in sources("tracking")}
    assert {name: packages for name, packages in found.items() if packages} == {tool: {tool} for tool in tools}


def test_layers_need_torch_alone() -> None:
    assert strangers("layers") == {"torch"}


def test_operators_need_torch_alone_but_for_the_files_of_triton() -> None:
    assert strangers("ops") == {"torch", "triton"}
    users = {file.name for file in sources("ops") if "triton" in {name.split(".")[0] for name in imported(file)}}
    assert users
    assert every(name.startswith("triton_") for name in users)


def test_descriptions_need_no_torch() -> None:
    assert strangers("space") | strangers("nodes") <= {"pydantic", "pydantic_core", "yaml"}


def test_layers_of_operators_need_torch_alone() -> None:
    for file in (*sources("operators"), *sources("stems"), *sources("channel_attention"), *sources("blocks")):
        if file.name == "layer.py":
            packages = {name.split(".")[0] for name in imported(file)}
            assert packages - set(sys.stdlib_module_names) <= {"sasa_nas", "torch"}


def test_arrows_make_no_cycle() -> None:
    left = {room: set(neighbours(room)) for room in ROOMS}
    while left:
        ends = {room for room, others in left.items() if not others & set(left)}
        assert ends, f"a cycle among {sorted(left)}"
        left = {room: others for room, others in left.items() if room not in ends}


CHILD = """
import importlib, pkgutil, sys

class Block:
    names = ()

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Block())
for words in sys.argv[1:]:
    rooms, blocked = words.split(":")
    Block.names = blocked.split(",")
    for name in rooms.split(","):
        room = importlib.import_module(f"sasa_nas.{name}")
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            importlib.import_module(module.name)
"""


@pytest.mark.slow
def test_rooms_work_where_others_packages_are_not_installed() -> None:
    # fewer and fewer are blocked: what one step has imported is not what a later one must do without
    steps = {
        "nodes,space": "torch,ray,optuna",
        "cost,training,exporting": "ray,optuna",
        "run,analysis,report,workflows,detection": "ray",
    }
    command = [sys.executable, "-c", CHILD, *(f"{rooms}:{blocked}" for rooms, blocked in steps.items())]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert answer.returncode == 0, answer.stderr
