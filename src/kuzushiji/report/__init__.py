"""Pages: a run, a study, a sweep, an exploration and others as one `Document` each, written as HTML or Markdown."""

from kuzushiji.report.run import write_figures, write_report

__all__ = ["write_figures", "write_report"]
