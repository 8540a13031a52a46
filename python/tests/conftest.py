"""Scenarios that several tests run."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ctrl_c() -> Callable[[Callable[[], bool]], threading.Thread]:
    """Press Ctrl-C once a condition holds: at a fixed time, a busy machine may not have begun."""
    # Shells start background jobs with SIGINT ignored, and Python leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(once: Callable[[], bool]) -> threading.Thread:
        def wait() -> None:
            pause = threading.Event()
            while not once():
                pause.wait(0.02)
            # Somewhere in the middle of the work.
            pause.wait(0.2)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    return press


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
    """A run that takes half an hour: its optimizer takes 5·10⁹ steps."""
    return {**tiny, "optimizers": [{"gd": {"lr": 1.0e-8}}], "flow": {"t_end": 50.0}}


@pytest.fixture(scope="session")
def command() -> Path:
    """The command as the wheel has installed it."""
    return Path(sys.executable).parent / "gramflow"


@pytest.fixture(scope="session")
def scenarios() -> Path:
    return ROOT / "scenarios"
