"""The types that the package declares, and the examples in its docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gramflow

MODULES = sorted(f"gramflow.{found.name}" for found in pkgutil.iter_modules(gramflow.__path__) if found.name != "_gramflow")


@pytest.mark.parametrize("name", ["gramflow", *MODULES])
def test_examples_in_docstrings_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), verbose=False)
    assert failed == 0


def test_there_are_examples() -> None:
    counts = [doctest.testmod(importlib.import_module(name)).attempted for name in ["gramflow", *MODULES]]
    assert sum(counts) >= 15


def test_every_public_name_is_documented() -> None:
    for name in gramflow.__all__:
        if name != "__version__":
            assert getattr(gramflow, name).__doc__, name


def test_types_are_strict_and_stubs_are_those_of_the_engine() -> None:
    pytest.importorskip("mypy")
    root = Path(__file__).resolve().parents[2]
    options = {"cwd": root, "capture_output": True, "text": True}
    checked = subprocess.run([sys.executable, "-m", "mypy"], **options)
    assert checked.returncode == 0, checked.stdout
    compared = subprocess.run([sys.executable, "-m", "mypy.stubtest", "gramflow._gramflow", "--concise"], **options)
    assert compared.returncode == 0, compared.stdout
