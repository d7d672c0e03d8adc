"""A ranking in words: what it says of models that look random, and what it does not."""

from typing import Final

import pyarrow as pa

#: The remark of `leaderboard` on models most of whose layers look random.
LOOKS_RANDOM: Final = "looks random"


def told_of_random(ranking: pa.Table) -> str | None:
    """The meaning of models of a ranking that look random; None where none does.

    Args:
        ranking: columns of `rank`.
    """
    remarks, models = ranking["remark"].to_pylist(), ranking["repo_id"].to_pylist()
    random = {model for model, told in zip(models, remarks, strict=True) if told == LOOKS_RANDOM}
    if not random:
        return None
    of = len(set(models))
    they = "1 of 1 model looks" if of == 1 else f"{len(random)} of {of} models look"
    return (
        f"{they} random: most of the layers have the spectrum of a random initialisation. That is "
        "said of spectra, not of accuracy: such a model may be right nearly always. Metrics say "
        "little of such spectra, so it comes last"
    )
