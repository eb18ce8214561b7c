"""Settings that keep Ray from talking over our own progress."""

import logging
import os
import warnings

_RAY = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # it prints the log of a node's daemon that was killed to stdout, whatever it is told about logs
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    # our run folder keeps results; Tune's own CSV, JSON and TensorBoard files would be a second copy
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}


def keep_ray_quiet() -> None:
    """Set what a person has not set, and raise the level of the loggers that would interrupt.

    Call it before Ray is imported, which reads the environment then.
    """
    for name, value in _RAY.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.tune", "ray.train", "ray.air", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"ray\..*")
