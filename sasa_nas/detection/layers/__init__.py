"""Layers of detectors for inference, in torch alone, which exports carry."""
