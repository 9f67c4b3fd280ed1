"""Many comparisons at once: p-values adjusted for their family, missing ones left missing."""

import math
from collections.abc import Sequence

from statsmodels.stats.multitest import multipletests


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values that keep the chance of *any* false finding at the level (primary metrics).

    `None` stands for a comparison without a p-value: it is dropped first, does not count toward the
    family, and comes back as None in its place. Raises ValueError for anything outside [0, 1].
    Source: Holm 1979; `statsmodels.stats.multitest.multipletests(method="holm")`.
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values that keep the expected *share* of false findings at the level (secondary).

    `None` as in `holm`. Raises ValueError for anything outside [0, 1].
    Source: Benjamini & Hochberg 1995; `multipletests(method="fdr_bh")`.
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float | None], method: str) -> tuple[float | None, ...]:
    # A single NaN would turn every adjusted value into NaN, so nothing undefined may pass.
    known = [value for value in p_values if value is not None]
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in known):
        raise ValueError("a p-value lies between 0 and 1")
    if not known:
        return tuple(None for _ in p_values)
    adjusted = iter(multipletests(known, method=method)[1])
    return tuple(None if value is None else float(next(adjusted)) for value in p_values)
