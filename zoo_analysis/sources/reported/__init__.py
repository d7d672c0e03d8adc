"""Sources of reported accuracies: the hub's cards, torchvision, timm's tables, anybody's CSV."""

from zoo_analysis.sources.reported.by_name import accuracy_source, accuracy_sources
from zoo_analysis.sources.reported.csv_tables import any_csv
from zoo_analysis.sources.reported.source import AccuracySource, Inquiry
from zoo_analysis.sources.reported.timm_tables import timm_csv
from zoo_analysis.sources.reported.torchvision_recipes import torchvision_accuracies

__all__ = [
    "AccuracySource",
    "Inquiry",
    "accuracy_source",
    "accuracy_sources",
    "any_csv",
    "timm_csv",
    "torchvision_accuracies",
]
