"""The builder of an `nn.Module` from an `Architecture`, and the named networks."""

from sasa_nas.models.builder import Network, build
from sasa_nas.models.registry import list_models, model_architecture

__all__ = ["Network", "build", "list_models", "model_architecture"]
