"""gramflow's side where the command itself is timed: a scenario is written, run, and its manifest and weights are read."""
import argparse
import json
import pathlib
import subprocess
import time

import numpy as np

from equal_error import ROOT, Stopped
from problems import flat


def arguments(doc, cases, table):
    """What a race of the command is called with, `names` the cases that it is about; it may leave its tables in the file `table`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CASE", help=f"of {', '.join(cases)}; by default all")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"leave the tables in {table} beside this file")
    parser.add_argument("--gramflow", type=pathlib.Path, help="the command to time; without it, it is built first")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.names) - set(cases):
        parser.error(f"no case is called {', '.join(unknown)}: choose from {', '.join(cases)}")
    given.names = given.names or list(cases)
    return given


def built(path):
    """The command: the one given, or one built now."""
    if path is None:
        subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
        path = ROOT / "target/release/gramflow"
    return path.resolve()


def scenario(case, **settings):
    """As JSON, which is YAML too."""
    return {
        "name": case.name, "data": {"file": {"path": "data.npz"}}, "init": {"file": {"path": "w0.npz"}},
        "network": {"widths": case.widths, "activations": case.activation, "bias": case.bias},
        "loss": case.loss, "weight_decay": case.decay,
    } | settings


class Run:
    """A finished run."""

    def __init__(self, command, folder, settings, limit=None):
        (folder / "scenario.yaml").write_text(json.dumps(settings))
        begin = time.perf_counter()
        try:
            done = subprocess.run([command, "run", folder / "scenario.yaml", "--out", folder / "run"],
                                  timeout=limit, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            raise Stopped
        # Start-up, reading, observation, pictures and writing included.
        self.whole = time.perf_counter() - begin
        if done.returncode != 0:
            raise Stopped(done.stderr.strip())
        self.summary, self.folder = done.stdout, folder / "run"
        self.flow = json.loads((self.folder / "manifest.json").read_text())["processes"]["flow"]
        if self.flow["termination"] != "t_end":
            raise Stopped(self.flow["termination_detail"])

    def weights(self, names):
        arrays = np.load(self.folder / "weights.npz")
        return flat(arrays[f"flow/{name}"] for name in names)
