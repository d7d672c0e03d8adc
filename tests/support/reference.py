"""Facts that others published, in files beside the checkout; tests that need them skip without."""

from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "shared" / "reference"

#: Averages and reported errors of the VGG series.
VGG_2020 = _FOLDER / "published" / "vgg-2020.csv"
#: Averages of 311 models of pytorchcv with reported errors, and figures printed of them.
NATURE_2021 = _FOLDER / "nature2021"
#: Result tables of timm.
TIMM = _FOLDER / "timm"
