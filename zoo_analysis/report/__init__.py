"""The answers as people look at them: figures, and the report.

Nothing is computed here: they ask `answers`, the store, and the functions of `spectra` and `stats`.
"""

import zoo_analysis.report.figures  # noqa: F401  # `zoo_analysis.figures`; it imports nothing yet
