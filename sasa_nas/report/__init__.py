"""A run's report: what a search found, as one HTML file for a browser without a network."""

from sasa_nas.report.page import WrittenReport, write_report

__all__ = ["WrittenReport", "write_report"]
