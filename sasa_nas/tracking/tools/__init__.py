"""Tools that runs can be tracked with, a file each; what a tool needs is imported when it is asked for."""

from importlib import import_module

from sasa_nas.errors import UserError, one_line
from sasa_nas.nodes.reference import resolve
from sasa_nas.tracking.tracker import Tool

TOOLS: dict[str, str] = {
    "tensorboard": "sasa_nas.tracking.tools.tensorboard:TensorBoard",
    "wandb": "sasa_nas.tracking.tools.wandb:WeightsAndBiases",
    "mlflow": "sasa_nas.tracking.tools.mlflow:MLflow",
}
"""The class of each `Tool`, by the name that its package and our extra have too."""


def find_tool(name: str) -> Tool:
    """Return a tool by its name.

    Raises:
        UserError: If there is no such tool, or it is not installed.
    """
    if name not in TOOLS:
        raise UserError(f"there is no tracker '{name}'; there are {', '.join(TOOLS)}")
    try:
        import_module(name)
        tool: Tool = resolve(TOOLS[name])()
    except ImportError as error:
        raise UserError(
            f"tracking with {name} needs its package: pip install 'sasa-nas[{name}]' ({one_line(error)})"
        ) from error
    return tool
