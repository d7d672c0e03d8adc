"""Alike pieces are taken together without any being lost, added, or longer than allowed."""

import pytest

from zoo_analysis.cluster.planning.replay.alike import groups_of
from zoo_analysis.cluster.planning.replay.fleets import H100
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense
from zoo_analysis.measure.rates import TYPICAL
from zoo_analysis.spectra import Method

MIXED = dense("mixed", [(4096, 4096)] * 7 + [(11_008, 4096)] * 5 + [(64, 64)] * 3, 2, copies=101)
SMALL = dense("small", [(256, 256)] * 8, 4, copies=1003)


@pytest.mark.parametrize("model", [MIXED, SMALL])
@pytest.mark.parametrize("grain", [0.0, 10.0, 97.0, 1e9])
def test_groups_have_all_layers_and_seconds_and_no_task_beyond_the_grain(
    model: ZooModel, grain: float
) -> None:
    prices = Prices(TYPICAL, H100, Method())
    one = prices.model(model)
    groups = list(groups_of(model, prices, grain))
    assert sum(group.copies for group in groups) == model.copies
    assert sum(group.ref.nbytes for group in groups) == model.copies * model.nbytes
    assert all(group.size == model.nbytes for group in groups)
    pieces = [piece for group in groups for piece in group.pieces]
    assert sum(piece.layers for piece in pieces) == model.copies * model.layers
    seconds = model.copies * sum(piece.core for piece in one.pieces)
    assert sum(piece.cost.seconds for piece in pieces) == pytest.approx(seconds)
    assert all(piece.times == 1 or piece.cost.seconds <= grain for piece in pieces)
    assert all(piece.cost.peak_bytes == piece.one.piece.cost.peak_bytes for piece in pieces)
    if not grain:
        assert len(pieces) == model.copies * len(one.pieces)


def test_many_pieces_of_one_model_are_few_tasks() -> None:
    prices = Prices(TYPICAL, H100, Method())
    model = dense("deep", [(4096, 4096)] * 1000, 2)
    core = prices.model(model).pieces[0].core
    (group,) = groups_of(model, prices, 10.01 * core)
    assert [piece.times for piece in group.pieces] == [10] * 100
