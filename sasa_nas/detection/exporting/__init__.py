"""Exports of detectors: their network in torch alone, their module's source, their configuration and their card."""
