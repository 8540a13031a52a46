"""Scenarios that several tests run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny() -> dict:
    """A linear network that a run takes milliseconds for."""
    return {
        "name": "tiny",
        "data": {"synthetic": {"inputs": {"dim": 4, "samples": 50}, "target": {"low_rank": {"rank": 2, "outputs": 3}}}},
        "network": {"widths": [4, 5, 3]},
        "init": {"balanced": {"scale": 0.1}},
        "flow": {"t_end": 5.0},
    }


@pytest.fixture
def endless(tiny: dict) -> dict:
    """A run that takes minutes: its optimizer takes a thousand million steps."""
    return {**tiny, "optimizers": [{"gd": {"lr": 1.0e-8}}], "flow": {"t_end": 50.0}}


@pytest.fixture(scope="session")
def command() -> Path:
    """The command as the wheel has installed it."""
    return Path(sys.executable).parent / "gramflow"


@pytest.fixture(scope="session")
def scenarios() -> Path:
    return ROOT / "scenarios"
