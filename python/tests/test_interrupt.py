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


def interrupt_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_ctrl_c_raises_within_a_second_and_keeps_the_partial_run(endless: dict, tmp_path: Path) -> None:
    timer = interrupt_after(1.0)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        gf.run(endless)
    timer.join()
    assert time.monotonic() - begin < 2.0
    run = caught.value.run
    assert run.manifest["processes"]["gd"]["termination"] == "interrupted"
    assert len(run.columns["t"]) >= 2 and run.columns["loss"][0] > 0
    run.save(tmp_path / "partial")
    assert "interrupted" in repr(gf.load(tmp_path / "partial"))


def test_rust_computes_without_the_interpreters_lock(endless: dict) -> None:
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    counter = threading.Thread(target=count)
    timer = interrupt_after(0.5)
    counter.start()
    with pytest.raises(KeyboardInterrupt):
        gf.run(endless)
    done.set()
    counter.join()
    timer.join()
    # With the lock held it would not have moved.
    assert counted > 10_000


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
    running = subprocess.Popen([command, "run", "endless.yaml", "--out", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(2.0)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
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
