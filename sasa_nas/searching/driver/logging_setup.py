"""Keeps Ray and Optuna from talking over our own progress. Imported before Ray, which reads this at import."""

import logging
import os
import warnings

_RAY = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # our run folder keeps results; Tune's own CSV, JSON and TensorBoard files would be a second copy
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}


def configure_logging() -> None:
    """Set what a person has not set, and raise the level of the loggers that would interrupt."""
    for name, value in _RAY.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.tune", "ray.train", "ray.air", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("optuna").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"optuna\..*")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"ray\..*")
