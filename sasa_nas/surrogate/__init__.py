"""A model of accuracy over the networks of a space, from the trainings of a run.

`posterior` is the model of a run's records, `mixed_model` the statistics, `factors` the networks as columns.
"""
