"""Published experiments rerun small: what was found there, and whether it is seen here."""

from zoo_analysis.studies.study import Outcome, Setting, Study

__all__ = ["Outcome", "Setting", "Study"]
