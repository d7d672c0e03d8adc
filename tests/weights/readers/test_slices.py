"""Slices of a Llama, cut by the rule of Meta's parallel layers, are the whole model again."""

import json
from pathlib import Path

import pytest
import torch

from tests.support.loopback import Hub
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources import resolve_sources
from zoo_analysis.weights import open_checkpoint

WIDTH, HIDDEN, VOCABULARY = 32, 80, 96
#: Meta's model.py: ColumnParallelLinear, RowParallelLinear, ParallelEmbedding.
COLUMN, ROW = ("wq", "wk", "wv", "w1", "w3", "output"), ("wo", "w2", "tok_embeddings")


def llama(key_heads: int = 4) -> dict[str, torch.Tensor]:
    """The state dict of a Llama of two layers with Meta's names, four heads of width 8."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"tok_embeddings.weight": (VOCABULARY, WIDTH), "output.weight": (VOCABULARY, WIDTH)}
    for layer in ("layers.0", "layers.1"):
        for name, shape in {
            "attention.wq": (WIDTH, WIDTH),
            "attention.wk": (8 * key_heads, WIDTH),
            "attention.wv": (8 * key_heads, WIDTH),
            "attention.wo": (WIDTH, WIDTH),
            "feed_forward.w1": (HIDDEN, WIDTH),
            "feed_forward.w2": (WIDTH, HIDDEN),
            "feed_forward.w3": (HIDDEN, WIDTH),
        }.items():
            shapes[f"{layer}.{name}.weight"] = shape
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    norms = ["norm", *(f"layers.{i}.{n}_norm" for i in (0, 1) for n in ("attention", "ffn"))]
    return (
        weights | {f"{n}.weight": torch.ones(WIDTH) for n in norms} | {"rope.freqs": torch.ones(4)}
    )


def cut(weights: dict[str, torch.Tensor], folder: Path, ranks: int, vocabulary: bool) -> Path:
    """The slices of a model; `vocabulary`: the embedding is cut as in Llama 3."""
    folder.mkdir(parents=True)
    for rank in range(ranks):
        mine = {}
        for name, tensor in weights.items():
            layer = name.split(".")[-2]
            axis = 0 if layer in COLUMN else 1 if layer in ROW else None
            axis = 0 if vocabulary and layer == "tok_embeddings" else axis
            part = tensor if axis is None else tensor.chunk(ranks, axis)[rank]
            mine[name] = part.clone()
        torch.save(mine, folder / f"consolidated.{rank:02}.pth")
    (folder / "params.json").write_text(json.dumps({"dim": WIDTH, "n_heads": 4}))
    return folder


@pytest.mark.parametrize("vocabulary", [False, True], ids=["llama2", "llama3"])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_slices_have_the_spectra_of_the_whole(tmp_path: Path, ranks: int, vocabulary: bool) -> None:
    weights = llama()
    folder = cut(weights, tmp_path / "lab" / "llama", ranks, vocabulary)
    rows = {row["layer"]: row for row in analyze(folder).to_pylist()}
    matrices = {name.removesuffix(".weight"): w for name, w in weights.items() if w.ndim == 2}
    assert rows.keys() == matrices.keys()
    for layer, matrix in matrices.items():
        row, values = rows[layer], torch.linalg.svdvals(matrix.double())
        assert (row["N"], row["M"]) == (max(matrix.shape), min(matrix.shape))
        assert row["log_norm"] == pytest.approx(float(values.square().sum().log10()), abs=1e-5)
        assert row["log_spectral_norm"] == pytest.approx(2 * float(values[0].log10()), abs=1e-5)


@pytest.mark.parametrize("ranks", [2, 4])
def test_rows_and_tensors_are_those_of_the_whole(tmp_path: Path, ranks: int) -> None:
    weights = llama()
    with open_checkpoint(cut(weights, tmp_path / "llama", ranks, False)) as checkpoint:
        assert set(checkpoint.tensors) == set(weights)
        for name, tensor in weights.items():
            assert torch.equal(checkpoint.read(name), tensor)
            assert checkpoint.info(name).nbytes == tensor.nbytes
            for start, stop in ((0, 3), (5, len(tensor)), (len(tensor) // 2 - 1, 20), (2, 2)):
                if start <= stop <= len(tensor):
                    rows = checkpoint.read_rows(name, start, stop)
                    assert torch.equal(rows, tensor[start:stop])


def test_a_cut_llama_is_one_model_on_disk_and_on_the_hub(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    folder = cut(llama(), hub_root / "lab" / "llama", 2, False)
    hub.add("lab/llama", folder)
    (on_disk,) = resolve_sources([str(folder)]).refs
    (on_hub,) = resolve_sources(["lab/llama"], hub.access).refs
    assert on_disk.repo_id == on_hub.repo_id == "lab/llama"
    for ref in (on_disk, on_hub):
        with open_checkpoint(ref.path, hub.access) as checkpoint:
            assert checkpoint.info("output.weight").shape == (VOCABULARY, WIDTH)


def test_slices_that_do_not_make_a_whole_are_refused(tmp_path: Path) -> None:
    missing = cut(llama(), tmp_path / "a", 4, False)
    (missing / "consolidated.03.pth").unlink()
    with pytest.raises(CheckpointError, match="not that of the whole model"):
        open_checkpoint(missing)
    (missing / "consolidated.01.pth").unlink()
    with pytest.raises(CheckpointError, match=r"consolidated\.01\.pth is missing"):
        open_checkpoint(missing)
    odd = {"layers.0.feed_forward.experts.0.w1.weight": torch.ones(8, WIDTH)}
    for weights, why in (
        (llama() | odd, "is cut is not known"),
        (llama() | {"layers.0.attention.wq.bias": torch.ones(WIDTH)}, "is cut is not known"),
    ):
        folder = cut(weights, tmp_path / why / str(len(list(tmp_path.iterdir()))), 2, False)
        with pytest.raises(CheckpointError, match=why):
            open_checkpoint(folder)


def test_norms_that_differ_between_slices_are_refused(tmp_path: Path) -> None:
    folder = cut(llama(), tmp_path / "llama", 2, False)
    second = torch.load(folder / "consolidated.01.pth")
    torch.save(second | {"norm.weight": torch.zeros(WIDTH)}, folder / "consolidated.01.pth")
    with pytest.raises(CheckpointError, match=r"norm\.weight is not the same in every slice"):
        open_checkpoint(folder)
