"""Verbs on single networks and small spaces, a file each: train, retrain, evaluate, export, tabulate."""
