"""Analyses of a run: the Pareto set of accuracy against FLOPs, its hypervolume, and figures."""
