"""Workflows on single networks and small spaces, one file each: train, retrain, evaluate, export, tabulate."""
