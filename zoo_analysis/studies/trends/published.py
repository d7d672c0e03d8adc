"""Figures printed by Martin, Peng & Mahoney, Nature Communications 12, 4122 (2021).

RMSE and R² are of the paper's large-scale tables, τ of the table in its Supplementary Information;
the two other tables are Table 1 (series of torchvision and pytorchcv) and Table 2 (GPT and GPT-2).
"""

from typing import Final, NamedTuple

#: Metrics in the order of the printed columns, by their names here. The second is the natural
#: logarithm of the mean λ_max over layers, where the caption says the mean of the logarithms.
METRICS: Final = ("log_norm", "log_mean_spectral_norm", "alpha_weighted", "log_alpha_norm")
#: Of the two smaller tables, in which it is the mean of the logarithms.
SERIES_METRICS: Final = ("log_norm", "log_spectral_norm", "alpha_weighted", "log_alpha_norm")
STATISTICS: Final = ("rmse", "r2", "kendall_tau")


class Printed(NamedTuple):
    """One printed figure, as its text."""

    dataset: str
    family: str
    metric: str
    statistic: str
    text: str


# Of each family RMSE, R² and τ, each of the four metrics.
_LARGE_SCALE: Final = """
imagenet-1k  EfficientNet   1.64  1.11   1.6  1.58  0.65  0.84  0.67  0.67  0.67  0.79  0.66  0.66
imagenet-1k  ResNet         2.52  3.29  1.88   2.0  0.77  0.61  0.87  0.86  0.78  0.70  0.91  0.89
imagenet-1k  PreResNet      2.57  3.93   1.9  1.93  0.73  0.36  0.85  0.85  0.65  0.54  0.87  0.87
imagenet-1k  ShuffleNet     5.95  9.46  4.42   4.3  0.63  0.06   0.8  0.81  0.39  0.09  0.85  0.82
imagenet-1k  VGG            1.11  0.91  1.57  1.48  0.63  0.75  0.27  0.35  0.73  0.79  0.42  0.52
imagenet-1k  DLA            4.79  3.02  3.94  4.06  0.11  0.65   0.4  0.36  0.51  0.82  0.78  0.69
imagenet-1k  HRNet          0.64  0.77  0.36  0.36  0.89  0.85  0.97  0.97  0.56  0.44  0.61  0.61
imagenet-1k  DRN-C          0.77  0.81  0.64  0.69  0.81  0.79  0.87  0.85  0.90  0.81  0.90  0.90
imagenet-1k  SqueezeNext    4.68  4.62  3.65  3.64  0.05  0.07  0.42  0.43  0.47 -0.33  0.73  0.73
imagenet-1k  ESPNetv2       3.71  3.84  1.37  1.59  0.42  0.38  0.92  0.89  0.00  0.80  1.00  1.00
imagenet-1k  SqueezeNet     0.33  0.33  0.26  0.29  0.01   0.0  0.38  0.26  0.33  0.00  0.67  0.67
imagenet-1k  IGCV3          1.39  9.37  2.91  1.04  0.98  0.12  0.92  0.99  1.00  0.00  1.00  1.00
imagenet-1k  ProxylessNAS   0.44  0.51  0.53  0.51  0.68  0.56  0.53  0.58  0.33  0.33  0.33  0.33
cifar-10     ResNet         0.56  0.55  0.53  0.53  0.58  0.59  0.62  0.61  0.64  0.64  0.71  0.71
cifar-10     DIA-ResNet     0.22  0.28  0.53  0.56  0.96  0.93  0.74  0.71  0.79  0.50  0.86  0.79
cifar-10     SENet           0.3   0.3   0.2   0.2  0.91  0.91  0.96  0.96  0.74  0.95  0.95  0.95
cifar-100    ResNet         2.03  2.12  1.75  1.75  0.61  0.58  0.71  0.71  0.64  0.57  0.64  0.64
cifar-100    DIA-ResNet      0.6  1.17  0.96  1.01  0.96  0.85   0.9  0.89  0.93  0.43  0.93  0.93
cifar-100    SENet           0.6  0.65  0.51  0.51  0.97  0.96  0.98  0.98  1.00  1.00  1.00  1.00
cifar-100    WRN            0.37  0.44  0.26  0.25  0.32  0.04  0.66  0.69  0.67 -0.67  0.00  0.00
svhn         ResNet          0.2   0.2  0.15  0.16  0.69   0.7  0.82  0.81  0.81  0.71  0.81  0.81
svhn         DIA-ResNet     0.07  0.06  0.13  0.13  0.94  0.95  0.78  0.77  0.86  0.86  0.57  0.57
svhn         SENet          0.04  0.07  0.05  0.05  0.99  0.96  0.98  0.98  1.00  1.00  0.67  0.67
svhn         WRN            0.07  0.08  0.07  0.07  0.13   0.1   0.2  0.21 -0.33 -0.33  0.67  0.67
svhn         ResNeXt        0.06  0.06  0.11  0.09  0.87   0.9  0.64  0.75  0.67  0.67  0.33  0.33
cub-200-2011 ResNet         0.45  0.42  1.79  1.79  0.94  0.95  0.08  0.08  1.00  1.00 -0.33 -0.33
cub-200-2011 SENet          1.03  1.13  1.36   1.4  0.66  0.59  0.41  0.38  0.87  0.87 -0.20 -0.20
"""

_TABLE_1: Final = """
VGG           0.56  0.23  0.48  0.34  0.88  0.98  0.92  0.96 -0.79 -0.93 -0.93 -0.93
ResNet         0.9  0.97  0.61  0.66  0.92   0.9  0.96   0.9 -1.00 -1.00 -1.00 -1.00
DenseNet       0.3  0.11  0.16  0.21  0.93  0.99  0.98  0.97 -1.00 -1.00 -1.00 -1.00
"""

_TABLE_2: Final = """
gpt2-small    2.04  2.54  9.62  9.87
gpt2-medium   2.08  2.58  9.74 10.01
gpt2-large    1.85  1.99  7.67  7.94
gpt2-xl       1.86  1.92  7.17  7.51
"""


def large_scale() -> list[Printed]:
    """Figures of 27 regressions of the error on a metric: 27 × 3 statistics × 4 metrics."""
    rows = [line.split() for line in _LARGE_SCALE.strip().splitlines()]
    return [
        Printed(dataset, family, metric, statistic, text)
        for dataset, family, *texts in rows
        for (statistic, metric), text in zip(_columns(METRICS), texts, strict=True)
    ]


def table_1() -> list[Printed]:
    """Figures of regressions of the accuracy on a metric: 3 series × 3 statistics × 4 metrics."""
    rows = [line.split() for line in _TABLE_1.strip().splitlines()]
    return [
        Printed("imagenet-1k (Table 1)", family, metric, statistic, text)
        for family, *texts in rows
        for (statistic, metric), text in zip(_columns(SERIES_METRICS), texts, strict=True)
    ]


def table_2() -> list[Printed]:
    """Averages over the matrices of GPT-2 models: 4 models × 4 metrics."""
    rows = [line.split() for line in _TABLE_2.strip().splitlines()]
    return [
        Printed("gpt-2 (Table 2)", model, metric, "mean", text)
        for model, *texts in rows
        for metric, text in zip(SERIES_METRICS, texts, strict=True)
    ]


def _columns(metrics: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(statistic, metric) for statistic in STATISTICS for metric in metrics]
