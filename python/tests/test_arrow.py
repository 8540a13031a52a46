"""Records as Arrow arrays, by the PyCapsule interface."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import numpy as np
import pytest

import gramflow as gf


@pytest.fixture
def run(tiny: dict) -> gf.Run:
    return gf.run(tiny, set={"optimizers": [{"gd": {"lr": 0.1}}]})


def test_polars_reads_a_run_as_it_reads_its_parquet(run: gf.Run, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(run)
    saved = polars.read_parquet(run.save(tmp_path / "run", pictures=False) / "records.parquet")
    assert frame.equals(saved, null_equal=True) and frame.schema == saved.schema
    # From a balanced start the law has nothing to be relative to: null, not NaN.
    assert frame["balance_law_residual_relative"].null_count() == len(frame)
    assert frame["loss"].null_count() == 0 and frame.equals(run.to_polars(), null_equal=True)


def test_numbers_outlive_the_run(tiny: dict) -> None:
    polars = pytest.importorskip("polars")
    run = gf.run(tiny)
    losses = run.columns["loss"].copy()
    frame = polars.DataFrame(run)
    del run
    gc.collect()
    assert np.array_equal(frame["loss"].to_numpy(), losses)


def test_a_capsule_that_nobody_takes_is_released(run: gf.Run) -> None:
    for _ in range(100):
        capsule = run.__arrow_c_stream__()
    is_valid = ctypes.pythonapi.PyCapsule_IsValid
    is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]
    assert is_valid(capsule, b"arrow_array_stream")
    del capsule
    assert run.columns["loss"][0] > 0


def test_pyarrow_shares_the_numbers(run: gf.Run) -> None:
    """(Runs where pyarrow is installed.)"""
    pyarrow = pytest.importorskip("pyarrow")
    one, other = (pyarrow.table(run)["loss"].chunk(0).buffers()[1].address for _ in range(2))
    assert one == other
    table = pyarrow.table(run)
    assert table.column_names == list(run.columns) and table["process"].to_pylist() == run.columns["process"].tolist()
    for name, values in run.columns.items():
        if name != "process":
            assert np.array_equal(table[name].to_numpy(), values, equal_nan=True), name
