"""The tables' columns, as WeightWatcher names them; meanings are in ``queries/schema.toml``."""

import re
from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from zoo_analysis.spectra.metrics import AVERAGED, LEADING, LayerMetrics
from zoo_analysis.store.records import TIME, schema_of
from zoo_analysis.store.row_kinds.accuracy import Accuracy, PredictedAccuracy
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema(fields)


_KEY = (("repo_id", pa.string()), ("revision", pa.string()))
_LAYER_KEY = (*_KEY, ("method", pa.string()), ("layer", pa.string()))

#: Joins every row of one commit of one model together; the views never show it.
COMMIT_ID: Final = "commit_id"
_OWNER = ("repo_id", "revision", "method", COMMIT_ID)

MODELS = _schema(
    *_KEY,
    ("source", pa.string()),
    ("series", pa.string()),
    ("architecture", pa.string()),
    ("library", pa.string()),
    ("pipeline_tag", pa.string()),
    ("parameters", pa.int64()),  # elements of all its floating tensors, tied ones once
    ("parameters_total", pa.int64()),  # of all floating and packed tensors of its files
    ("parameters_measured", pa.int64()),  # of those in layers that can be measured
    ("coverage", pa.float64()),  # measured share of what lies in matrices
    ("bytes", pa.int64()),
    ("weights_format", pa.string()),
    ("created", TIME),
    ("modified", TIME),
    ("downloads", pa.int64()),
    ("likes", pa.int64()),
    ("branch", pa.string()),  # or tag, where the source named one
    ("license", pa.string()),
    ("base_model", pa.string()),
    ("depth", pa.int64()),  # of its last layer; counted from 0
    (COMMIT_ID, pa.int64()),
)

ACCURACIES = schema_of(Accuracy).append(pa.field("retrieved_at", TIME))
PREDICTIONS = schema_of(PredictedAccuracy).append(pa.field("predicted_at", TIME))

#: Metrics of one layer.
METRICS = schema_of(LayerMetrics)

LAYERS = _schema(
    *_LAYER_KEY,
    ("depth", pa.int32()),
    ("kind", pa.string()),
    ("role", pa.string()),
    ("part_of", pa.string()),
    ("shape", pa.list_(pa.int64())),
    ("dtype", pa.string()),
    ("precision", pa.string()),  # the stored type, or the scheme that codes the weight
    ("N", pa.int64()),
    ("M", pa.int64()),
    ("Q", pa.float64()),
    ("rf", pa.int64()),
    ("num_evals", pa.int64()),
    *((metric.name, metric.type) for metric in METRICS),
    ("status", pa.string()),
    ("warning", pa.string()),
    ("note", pa.string()),  # why a number of a difference cannot be had
    ("seconds", pa.float64()),
    (COMMIT_ID, pa.int64()),
)

ESDS = _schema(
    *_LAYER_KEY,
    ("eigenvalues", pa.list_(pa.float64())),
    (COMMIT_ID, pa.int64()),
)

#: `layers` and `esds` without the columns that say whose they are.
LAYER_ROWS, ESD_ROWS = (
    pa.schema([column for column in table if column.name not in _OWNER]) for table in (LAYERS, ESDS)
)

#: Tensors of a model that no number comes from: one, or all that differ by numbers in their names.
LEFT_OUT = _schema(
    *_KEY,
    ("tensor", pa.string()),
    ("count", pa.int64()),
    ("elements", pa.int64()),
    ("reason", pa.string()),
    (COMMIT_ID, pa.int64()),
)

#: Written last, after a model's rows in the other tables: the one atomic act that publishes them.
COMMITS = _schema(
    *_KEY,
    ("method", pa.string()),
    (COMMIT_ID, pa.int64()),
    ("scan_id", pa.string()),
    ("committed_at", TIME),
)

#: Metrics that `summaries` averages; those that are told unasked come first.
SUMMARY_METRICS, LEADING_METRICS = AVERAGED, LEADING

#: Standard deviation of α over a model's layers, and its slope over their relative depth.
SPREADS: Final = ("alpha_sd", "alpha_slope")
#: Columns of `summaries` to rank or regress by: means, medians, means by the tails' sizes, …
SUMMARY_COLUMNS, LEADING_COLUMNS = (
    (*of, *(f"{n}_{form}" for form in ("median", "by_tail") for n in of), *more, "random_like")
    for of, more in ((SUMMARY_METRICS, SPREADS), (LEADING_METRICS, ()))
)
#: Choices of the layers that averages are over: all, or those with a clear tail (`clear_layers`).
QUALITIES: Final = ("all", "clear")

#: Averages that were published without their layers; `summaries` shows them beside the others.
AVERAGES = _schema(
    *_KEY,
    ("method", pa.string()),
    *((name, pa.float64()) for name in SUMMARY_METRICS),
    (COMMIT_ID, pa.int64()),
)

#: Regressions that were kept: the options that made each, and when.
REGRESSIONS = _schema(
    ("series", pa.string()),
    ("dataset", pa.string()),
    ("accuracy", pa.string()),
    ("metric", pa.string()),
    ("n", pa.int64()),
    ("slope", pa.float64()),
    ("slope_se", pa.float64()),
    ("intercept", pa.float64()),
    ("r2", pa.float64()),
    ("r2_adj", pa.float64()),
    ("rmse", pa.float64()),
    ("rmse_loo", pa.float64()),
    ("kendall_tau", pa.float64()),
    ("kendall_p", pa.float64()),
    ("spearman_rho", pa.float64()),
    ("r2_low", pa.float64()),
    ("r2_high", pa.float64()),
    ("tau_low", pa.float64()),
    ("tau_high", pa.float64()),
    ("perm_p", pa.float64()),
    ("q", pa.float64()),
    ("theil_sen", pa.float64()),
    ("flags", pa.string()),
    ("method", pa.string()),
    ("spearman_p", pa.float64()),
    ("r2_bca_low", pa.float64()),
    ("r2_bca_high", pa.float64()),
    ("query", pa.string()),
    ("of_version", pa.string()),
    ("computed_at", TIME),
)

SIMILARITIES = _schema(
    *((f"{name}_{of}", pa.string()) for of in "ab" for name in ("repo_id", "revision", "layer")),
    ("measure", pa.string()),
    ("probe", pa.string()),
    ("mode", pa.string()),
    ("value", pa.float64()),
    ("n_samples", pa.int64()),
    ("neurons", pa.string()),
    ("selection", pa.string()),
    ("value_ab", pa.float64()),
    ("value_ba", pa.float64()),
    ("p_value", pa.float64()),  # by permutation of samples
    ("calibrated", pa.float64()),
    ("permutations", pa.int64()),
    ("run_id", pa.string()),
    ("computed_at", TIME),
)

LINEAGE = pa.schema([*schema_of(KinshipRow), ("run_id", pa.string()), ("computed_at", TIME)])

#: One estimate of a study that was run here.
STUDIES = _schema(
    ("study", pa.string()),
    ("run_id", pa.string()),
    ("group", pa.string()),
    ("quantity", pa.string()),
    ("measure", pa.string()),
    ("n", pa.int64()),
    ("value", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("p_value", pa.float64()),
    ("seen", pa.bool_()),
    ("verdict", pa.string()),
    ("seeds", pa.int64()),
    ("computed_at", TIME),
)

RELEASES = _schema(
    ("watch", pa.string()),
    *_KEY,
    ("event", pa.string()),
    ("seen_at", TIME),
)

SCANS = _schema(
    ("scan_id", pa.string()),
    ("started_at", TIME),
    ("finished_at", TIME),
    ("method", pa.string()),
    ("config", pa.string()),
    ("versions", pa.string()),
    ("scanned", pa.int64()),
    ("skipped", pa.int64()),
    ("failed", pa.int64()),
    ("layers", pa.int64()),
    ("seconds", pa.float64()),
    ("predicted", pa.float64()),  # seconds that were to be expected
    ("state", pa.string()),  # running, finished, interrupted, failed or died
    ("heartbeat_at", TIME),  # when it was last heard of, while it ran
    ("models", pa.int64()),  # that there are; of a comparison: steps
    ("bytes", pa.int64()),  # of the weights of models that are over
    ("host", pa.string()),
    ("pid", pa.int64()),
)

#: Seconds that measuring takes on a kind of machine, or by how much scans departed from them.
RATES = _schema(
    ("machine", pa.string()),
    ("method", pa.string()),
    ("quantity", pa.string()),
    ("side", pa.int64()),  # of the matrix, where it matters
    ("value", pa.float64()),
    ("seconds", pa.float64()),  # of work that it was found from, if it is a correction
    ("run_id", pa.string()),
    ("measured_at", TIME),
)

FAILURES = _schema(
    ("scan_id", pa.string()),
    *_KEY,
    ("stage", pa.string()),
    ("error", pa.string()),
    ("message", pa.string()),
    ("attempts", pa.int64()),
    ("failed_at", TIME),
)

#: Series that models of the store were given after they had been scanned; null takes one back.
ASSIGNED_SERIES = _schema(
    ("repo_id", pa.string()),
    ("series", pa.string()),
    ("source", pa.string()),
    ("assigned_at", TIME),
)

TABLES: Final[dict[str, pa.Schema]] = {
    "models": MODELS,
    "accuracies": ACCURACIES,
    "predictions": PREDICTIONS,
    "layers": LAYERS,
    "esds": ESDS,
    "averages": AVERAGES,
    "left_out": LEFT_OUT,
    "assigned_series": ASSIGNED_SERIES,
    "commits": COMMITS,
    "similarities": SIMILARITIES,
    "lineage": LINEAGE,
    "studies": STUDIES,
    "releases": RELEASES,
    "scans": SCANS,
    "rates": RATES,
    "failures": FAILURES,
    "regressions": REGRESSIONS,
}

#: Generation of these columns: one more where one is renamed, or gets another type or meaning.
#: Columns that are added need none, for stores without them have null there.
GENERATION: Final = 1
#: Table → a column → the names that it had before.
FORMERLY: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {}


def formerly(table: str, column: str) -> tuple[str, ...]:
    """The names that a column had before."""
    return FORMERLY.get(table, {}).get(column, ())


def description(columns: int) -> str:
    """The description of a table that is made now, of which older and newer packages go."""
    return f"{columns} columns at creation, generation {GENERATION}"


def generation(described: str | None) -> int:
    """The generation that a table's description tells of; 0 from before there were any."""
    found = re.search(r"generation (\d+)", described or "")
    return int(found[1]) if found else 0
