"""What a run shows: the Pareto set of accuracy against FLOPs, its hypervolume, and figures."""
