"""A network of a scenario beside the same network as a model of one's own."""

from __future__ import annotations

import numpy as np

import gramflow as gf

# ℒ of the best constant is a property of the labels, which a model of one's own does not show.
LABELS = ("loss_over_constant", "accuracy")


def same(built_in: gf.Run, own: gf.Run, floor: float) -> int:
    """Every column and array of the built-in network is that of its twin, to 1e-9 or `floor`. Returns how many columns are of layers."""
    compared = 0
    for name, values in built_in.columns.items():
        if name == "process" or name in LABELS:
            continue
        there = own.columns[name]
        assert np.array_equal(np.isnan(values), np.isnan(there)), (name, values, there)
        # Residuals that are zero by a law are rounding, and where a curve is largest is known to the root of it.
        close = 1e-6 if name == "nfa_peak" else 1e-9
        assert np.allclose(values, there, rtol=close, atol=floor, equal_nan=True), (name, values, there)
        compared += name.startswith(("nfa", "balance", "effective_rank", "fact", "stable_rank")) and not np.isnan(values).all()
    for name, array in built_in.arrays.items():
        # Errors are differences of two integrations: of the size of rounding in both.
        if "/error_" in name:
            continue
        assert np.allclose(array, own.arrays[name], rtol=1e-9, atol=1e-12, equal_nan=True), name
    return compared
