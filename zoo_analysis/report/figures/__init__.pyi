from .coverage_chart import coverage
from .depth_profile import depth
from .figure_files import file_name, save
from .history_chart import history
from .kinship_tree import lineage
from .likeness_heatmap import layers, matrix
from .model_map import map
from .prediction_chart import predictions
from .regression_chart import regression
from .release_chart import releases
from .scale_chart import scale
from .spectrum_chart import esd
from .tau_grid import metrics
from .xmin_chart import xmin

__all__ = [
    "coverage",
    "depth",
    "esd",
    "file_name",
    "history",
    "layers",
    "lineage",
    "map",
    "matrix",
    "metrics",
    "predictions",
    "regression",
    "releases",
    "save",
    "scale",
    "xmin",
]
