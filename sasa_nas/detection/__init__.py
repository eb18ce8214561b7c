"""Object detectors: their description, network, cost, data, training and use; a task beside classification.

Nothing here imports torch, so that a detector can be described without it.
"""
