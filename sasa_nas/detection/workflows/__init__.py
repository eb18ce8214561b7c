"""Workflows on single detectors: training and detection."""
