"""Choices and defaults of the verbs that ask the store; the command line takes them from here."""

from datetime import timedelta
from typing import Final, Literal

#: Groups of models that a regression is made of.
By = Literal["series", "library", "none"]
BY: Final[By] = "series"
#: Fewest models of a regression.
MIN_MODELS: Final = 4
#: Share of what lies in a model's matrices below which it is flagged.
LEAST_COVERAGE: Final = 0.9
#: Kind of accuracy that is predicted, and the coverage that its intervals are made for.
ACCURACY: Final = "accuracy"
LEVEL: Final = 0.9
#: Metrics that models are ranked by.
RANKED_BY: Final = ("alpha_weighted",)
#: Layers that averages are over: those of the view `averaged_layers`, or of `clear_layers`.
Quality = Literal["all", "clear"]
QUALITY: Final[Quality] = "all"
#: Models that are named as the most similar.
NEAREST: Final = 10
#: Latest commits that a history lists.
COMMITS: Final = 1000
#: Folder and title of a report.
REPORT_FOLDER: Final = "zoo-report"
REPORT_TITLE: Final = "Model zoo"
#: Age up to which versions stay readable.
RETENTION: Final = timedelta(days=7)
