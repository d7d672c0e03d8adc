from .answers.accuracies import accuracies_reported
from .answers.comparison.two_models import compare
from .answers.diagnosis import diagnose
from .answers.model import show
from .answers.operation.run_status import status
from .answers.operation.store_upkeep import (
    check_store,
    compact_store,
    migrate_store,
    schema,
    store_history,
    vacuum_store,
)
from .answers.prediction.predict import predict
from .answers.questions import queries, query
from .answers.ranking import rank
from .answers.regressions import regress
from .answers.releases import releases
from .answers.similarity import matrix, measures, similar
from .cluster.comparing.lineage import lineage
from .cluster.correlate import correlate
from .cluster.demo import demo
from .cluster.planning.calibrate_nodes import calibrate
from .cluster.planning.forecast import plan
from .cluster.planning.replay.scale import scale
from .cluster.retrying import retry
from .cluster.scan import scan
from .cluster.scanning.deltas import delta
from .cluster.study import study
from .cluster.track import track
from .imports.accuracy_sync import sync_accuracies
from .imports.assigned_series import list_series, set_series
from .imports.commit import import_tables
from .measure.analyze import analyze
from .measure.attention import attention_products
from .measure.summary import summary
from .report import figures
from .report.page.build import build_report
from .sources.catalogues.edit import add_to_catalogue, copy_catalogue
from .sources.catalogues.overview import catalogue_members, list_catalogues
from .sources.reported import accuracy_sources
from .spectra.methods import method
from .store.store import open_store
from .studies.catalogue import list_studies
from .studies.trends.osmr_catalogue import osmr_catalogue

__version__: str

__all__ = [
    "accuracies_reported",
    "accuracy_sources",
    "add_to_catalogue",
    "analyze",
    "attention_products",
    "build_report",
    "calibrate",
    "catalogue_members",
    "check_store",
    "compact_store",
    "compare",
    "copy_catalogue",
    "correlate",
    "delta",
    "demo",
    "diagnose",
    "figures",
    "import_tables",
    "lineage",
    "list_catalogues",
    "list_series",
    "list_studies",
    "matrix",
    "measures",
    "method",
    "migrate_store",
    "open_store",
    "osmr_catalogue",
    "plan",
    "predict",
    "queries",
    "query",
    "rank",
    "regress",
    "releases",
    "retry",
    "scale",
    "scan",
    "schema",
    "set_series",
    "show",
    "similar",
    "status",
    "store_history",
    "study",
    "summary",
    "sync_accuracies",
    "track",
    "vacuum_store",
]
