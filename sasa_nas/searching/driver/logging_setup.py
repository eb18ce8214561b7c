"""Keeps Ray and Optuna from talking over our own progress. Imported before Ray, which reads this at import."""

import logging
import warnings

from sasa_nas.cluster.quiet import keep_ray_quiet


def configure_logging() -> None:
    """Set what a person has not set, and raise the level of the loggers that would interrupt."""
    keep_ray_quiet()
    logging.getLogger("optuna").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"optuna\..*")
