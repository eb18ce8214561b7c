"""Training-free scores: what an untrained network's activations and gradients are said to tell of its accuracy."""

from sasa_nas.scores.registry import SCORES, Score, compute_scores

__all__ = ["SCORES", "Score", "compute_scores"]
