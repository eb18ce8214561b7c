"""Files about the project agree with the package: its version, its dependencies, its Python versions."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml

import sasa_nas

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == sasa_nas.__version__
    assert citation["license"] == PYPROJECT["license"]
    assert citation["repository-code"] == PYPROJECT["urls"]["Homepage"]


def test_the_changelog_has_this_version() -> None:
    assert sasa_nas.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_python_version_that_is_promised_is_tested() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["classifiers"]))
    assert matrix["python"] == promised
    assert PYPROJECT["requires-python"] == f">={promised[0]}"


@pytest.mark.parametrize(
    "file", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.stem
)
def test_issue_forms_can_be_read(file: Path) -> None:
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert file.stem == "config" or all({"type", "id", "attributes"} <= set(part) for part in form["body"])


def test_oldest_versions_are_read_from_the_requirements() -> None:
    script = runpy.run_path(str(ROOT / ".ci" / "oldest.py"))
    assert script["oldest"](["ray[tune]>=2.40", "optuna>=5.0,<6"]) == ["ray==2.40", "optuna==5.0"]
    assert len(script["oldest"](PYPROJECT["dependencies"])) == len(PYPROJECT["dependencies"])
    with pytest.raises(ValueError, match="'numpy<3' has no lower bound"):
        script["oldest"](["numpy<3"])
