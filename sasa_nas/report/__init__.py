"""Report of a run: the results of a search as one self-contained HTML file."""

from sasa_nas.report.page import WrittenReport, write_report

__all__ = ["WrittenReport", "write_report"]
