"""Ctrl-C, threads and fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import gramflow as gf


def test_ctrl_c_raises_at_once_and_keeps_the_partial_run(endless: dict, tmp_path: Path, ctrl_c) -> None:
    begun = threading.Event()
    pressing = ctrl_c(begun.is_set)
    with pytest.raises(KeyboardInterrupt) as caught:
        gf.run(endless, observe={"seen": lambda theta, t: begun.set() or 1.0})
    pressing.join()
    run = caught.value.run
    assert run.manifest["processes"]["gd"]["termination"] == "interrupted"
    assert len(run.columns["t"]) >= 2 and run.columns["loss"][0] > 0
    run.save(tmp_path / "partial")
    assert "interrupted" in repr(gf.load(tmp_path / "partial"))


def test_rust_computes_without_the_interpreters_lock(endless: dict, ctrl_c) -> None:
    counted = 0
    begun, done = threading.Event(), threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            # With the GIL held, it would not get here again.
            counted += begun.is_set()

    counter = threading.Thread(target=count)
    counter.start()
    pressing = ctrl_c(lambda: counted > 10_000)
    with pytest.raises(KeyboardInterrupt):
        gf.run(endless, observe={"seen": lambda theta, t: begun.set() or 1.0})
    done.set()
    counter.join()
    pressing.join()


def test_runs_in_threads_are_the_same_run(tiny: dict) -> None:
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(gf.run(tiny).columns["loss"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 4 and all(np.array_equal(results[0], other) for other in results)


def _loss(scenario: dict) -> float:
    return float(gf.run(scenario).columns["loss"][-1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_processes_do_not_hang(tiny: dict) -> None:
    # Large enough that products are shared among threads.
    wide = {**tiny, "network": {"widths": [4, 200, 200, 3]}, "flow": {"t_end": 0.01}, "record": {"linear": {"points": 2}}}
    here = _loss(wide)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_loss, [wide, wide]).get(timeout=100) == [here, here]


def test_the_command_keeps_its_own_manners(command: Path, endless: dict, tmp_path: Path) -> None:
    assert subprocess.run([command, "--version"], capture_output=True, text=True).stdout == f"gramflow {gf.__version__}\n"
    wrong = subprocess.run([command, "run", "nowhere.yaml"], capture_output=True, text=True, cwd=tmp_path)
    assert wrong.returncode == 2 and wrong.stdout == "" and "nowhere.yaml" in wrong.stderr
    assert subprocess.run([command, "nonsense"], capture_output=True).returncode == 2
    help = subprocess.run([command, "--help"], capture_output=True, text=True)
    assert help.returncode == 0 and "Usage: gramflow" in help.stdout
    (tmp_path / "endless.yaml").write_text(gf.explain(endless))
    for patience in (2.0, 10.0, 60.0):
        running = subprocess.Popen([command, "run", "endless.yaml", "--out", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        time.sleep(patience)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
        # Until it catches signals, which on a busy machine may take long, they kill it.
        if running.returncode != -signal.SIGINT:
            break
    assert running.returncode == 75 and "Traceback" not in told, told
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_a_session_without_pandas_starts(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        import gramflow
        assert "pandas" not in sys.modules and "polars" not in sys.modules and "torch" not in sys.modules
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
