"""Writes trials into a study.db, each as a whole with one transaction, in Optuna's own tables.

Optuna's storage writes a trial's parameters one by one and asks before each whether it may: a hundred statements for a
trial of twenty parameters, in several transactions. Here a trial is a few statements, and in the file with all that is
known of it or as it was before, wherever the process is killed.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Table, insert, update
from sqlalchemy.dialects import sqlite

_TRIALS: Table = models.TrialModel.__table__
_PARAMS: Table = models.TrialParamModel.__table__
_VALUES: Table = models.TrialValueModel.__table__
_USER: Table = models.TrialUserAttributeModel.__table__
_SYSTEM: Table = models.TrialSystemAttributeModel.__table__


class TrialWriter:
    """The only writer of a study's trials.

    Args:
        storage: An SQLite database.
        study: The study's own name in it.
        known: The database's own names of the trials that it holds, by number.
    """

    def __init__(self, storage: RDBStorage, study: int, known: Mapping[int, int]) -> None:
        self._engine = storage.engine
        self._study = study
        self._ids = dict(known)

    def write(self, trial: FrozenTrial) -> None:
        """Brings the file to what a trial is now. Intermediate values, which a search has none of, are left out.

        Raises:
            sqlalchemy.exc.DBAPIError: If the file is held by another program, or the disk is full.
        """
        with self._engine.begin() as connection:
            name = self._write_row(connection, trial)
            params = [_param(name, trial, param) for param in trial.params]
            values = [_value(name, place, value) for place, value in enumerate(trial.values or ())]
            # a parameter and a value, once chosen, stay
            for table, rows in ((_PARAMS, params), (_VALUES, values)):
                if rows:
                    connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
            _write_attributes(connection, _SYSTEM, name, trial.system_attrs)
            _write_attributes(connection, _USER, name, trial.user_attrs)
        # only now: what was not committed is not there
        self._ids[trial.number] = name

    def _write_row(self, connection: Connection, trial: FrozenTrial) -> int:
        """The trial's own row, without what hangs on it.

        Returns:
            The database's own name of the trial.
        """
        row = {
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }
        name = self._ids.get(trial.number)
        if name is not None:
            connection.execute(update(_TRIALS).where(_TRIALS.c.trial_id == name), row)
            return name
        made = connection.execute(insert(_TRIALS), row | {"number": trial.number, "study_id": self._study})
        assert made.inserted_primary_key is not None
        return int(made.inserted_primary_key[0])


def _param(name: int, trial: FrozenTrial, param: str) -> dict[str, Any]:
    distribution = trial.distributions[param]
    return {
        "trial_id": name,
        "param_name": param,
        "param_value": distribution.to_internal_repr(trial.params[param]),
        "distribution_json": distribution_to_json(distribution),
    }


def _value(name: int, place: int, value: float) -> dict[str, Any]:
    stored, kind = models.TrialValueModel.value_to_stored_repr(value)
    return {"trial_id": name, "objective": place, "value": stored, "value_type": kind}


def _write_attributes(connection: Connection, table: Table, name: int, attributes: Mapping[str, Any]) -> None:
    if not attributes:
        return
    statement = sqlite.insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=["trial_id", "key"], set_={"value_json": statement.excluded.value_json}
    )
    rows = [{"trial_id": name, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
    connection.execute(statement, rows)


def _utc(moment: datetime | None) -> datetime | None:
    """A moment of local time as Optuna keeps it: of universal time, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
