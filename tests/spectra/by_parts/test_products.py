"""Products of attention's matrices, against the products themselves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import head_products, product_evals

torch.set_num_threads(1)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def squared(product: torch.Tensor, count: int) -> np.ndarray:
    return np.sort(np.linalg.svd(product.numpy(), compute_uv=False) ** 2)[-count:]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(0, 10**6))
def test_they_are_the_singular_values_of_the_product(n, m, r, seed):
    a, b = random(n, r, seed=seed), random(m, r, seed=seed + 1)
    expected = squared(a @ b.mT, min(n, m, r))
    np.testing.assert_allclose(product_evals(a, b), expected, atol=1e-9 * expected.max())


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (6, 1)])
def test_each_head_of_queries_meets_the_keys_and_values_that_serve_it(heads, kv_heads):
    d, width, value = 50, 8, 6
    q, k = random(heads * width, d), random(kv_heads * width, d, seed=1)
    v, o = random(kv_heads * value, d, seed=2), random(d, heads * value, seed=3)
    qk, ov = head_products(q, k, v, o, heads, kv_heads)
    for head in range(heads):
        group = head // (heads // kv_heads)
        scores = q[head * width :][:width].mT @ k[group * width :][:width]
        moved = o[:, head * value :][:, :value] @ v[group * value :][:value]
        np.testing.assert_allclose(qk[head], squared(scores, width))
        np.testing.assert_allclose(ov[head], squared(moved, value))


def test_a_change_of_basis_within_a_head_alters_no_product():
    q, k, v, o = (random(24, 60, seed=i) for i in range(4))
    plain = head_products(q, k, v, o.mT, 3, 3)
    basis = random(3, 8, 8, seed=9)
    other = torch.linalg.inv(basis).mT
    turned = [
        torch.cat([b @ x[8 * i :][:8] for i, b in enumerate(by)])
        for by, x in ((basis, q), (other, k), (basis, v), (other, o))
    ]
    moved = head_products(*turned[:3], turned[3].mT, 3, 3)
    for before, after in zip(plain, moved, strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-8)
    assert not np.allclose(squared(q, 24), squared(turned[0], 24), rtol=0.1)


def test_heads_that_do_not_fit_are_refused():
    q, k = random(24, 60), random(16, 60)
    with pytest.raises(ValueError, match="3 heads and 2 of keys"):
        head_products(q, k, k, q.mT, 3, 2)
