"""A plan in words: what there is to do, or that there is nothing."""

from dataclasses import replace

import pytest

from zoo_analysis.cli.plan import print_plan
from zoo_analysis.measure.scan_plan import IN_STORE, Forecast, ScanPlan

STORED = Forecast("lab/a", "r1", "local", layers=0, skipped=IN_STORE)
BROKEN = Forecast("lab/b", None, "local", skipped="no weights")
PRICED = Forecast(
    "lab/c", None, "local", layers=2, parameters_total=9, parameters_measured=8, read_bytes=36_000
)
PLAN = ScanPlan((), cpus=2, machine="a machine", calibrated=True)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([STORED], "nothing to do: the model is in the store already"),
        ([STORED] * 3, "nothing to do: all 3 models are in the store already"),
        ([STORED, BROKEN], "no layer is priced: 1 of 2 models in the store already"),
        ([STORED, PRICED], "1 of 2 models, 2 layers, 8 of 9 parameters, 36 kB to read"),
    ],
)
def test_what_there_is_to_do(
    models: list[Forecast], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_plan(replace(PLAN, models=tuple(models)))
    said = " ".join(capsys.readouterr().out.split())
    assert words in said
    assert "0.00 GB" not in said
