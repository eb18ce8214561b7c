"""All figures of one table as plain data."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from sasa_nas.analysis.where.linear import Estimate
from study.by_width import Exchanged
from study.interactions import interactions
from study.main_effects import main_effects
from study.networks import networks
from study.predictors import Scores, early_epochs, predictors
from study.quality import table_quality
from study.tables import Studied, stage_titles


def table_result(studied: Studied, scores: Scores, exchanged: Exchanged | None = None) -> dict[str, Any]:
    """Return what the study says of a table.

    Args:
        studied: The table.
        scores: Training-free scores of its networks; empty where they were not computed.
        exchanged: Effects at equal FLOPs by what width is worth; default: they are regressed.
    """
    info = studied.table.info
    result = {
        "sha256": studied.sha256,
        "space": info.space["name"],
        "dataset": info.dataset,
        "recipe": info.space["proxy"]["recipe"],
        "versions": info.versions,
        "git": info.git,
        "stages": stage_titles(studied.architectures[0]),
        "quality": table_quality(studied),
        "effects": main_effects(studied, exchanged),
        "interactions": interactions(studied),
        "networks": networks(studied),
        "predictors": predictors(studied, scores),
        "early_epochs": early_epochs(studied),
        "scores": scores,
    }
    plain: dict[str, Any] = json.loads(json.dumps(_plain(result)))
    return plain


def _plain(value: object) -> object:
    if isinstance(value, Estimate):
        return {"value": value.value, "error": value.error, "low": value.low, "high": value.high, "p": value.p}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
