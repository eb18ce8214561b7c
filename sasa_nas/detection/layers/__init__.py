"""Layers of detectors for inference, in torch alone: what an export carries."""
