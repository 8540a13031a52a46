"""Whole runs: the command gramflow against a script in diffrax and jax that records the same columns at the same 100 times.

  python benches/peers/whole_run.py [CASE ...] [--threads 1,2] [--rounds 5] [--write] [--gramflow PATH]     from anywhere

Both get the same samples and start from files, and take turns. gramflow runs at the rtol of the case. diffrax runs with the fastest of its
solvers at the loosest power of ten, from 10 times gramflow's rtol on, whose columns are at all times at least as near to the exact ones: those
of Dopri8 at rtol 1e-11. No ratio is printed unless the columns of both are within 100 rtol of these. gramflow runs twice a round, with the groups of columns that hold those of
the script, and with all that are on by default.

whole process: from the call to the exit, with start-up, imports, compilation, writing and (gramflow's) pictures. flow and columns: what is
left without these.
"""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import command
import networks
from equal_error import HERE, environment, machine, on_threads, pin

CASES = {
    "linear": networks.Case("linear", [200] * 4, "identity", 1000, 100.0, bias=False),
    "tanh": networks.Case("tanh", [100, 128, 128, 1], "tanh", 500, 50.0),
}
RTOL = {"linear": 1e-6, "tanh": 1e-5}
RECORDS = 100
GROUPS = ["loss", "balance", "nfa", "spectra"]
# The tolerance of the exact columns, and how far gramflow's may differ from these, over their largest value, in units of its rtol.
REFERENCE = 1e-11
AGREE = 100


def times(case):
    return [0.0, *np.geomspace(case.t_end / 1000, case.t_end, RECORDS - 1).tolist()]


def run_gramflow(case, folder, path, observe):
    rtol = RTOL[case.name]
    settings = {"flow": {"t_end": case.t_end, "rtol": rtol, "atol": rtol / 100}, "record": {"times": times(case)}}
    return command.Run(path, folder, command.scenario(case, **settings, **observe))


def busy(run):
    """The seconds of stepping and observation, which overlap where there are two threads: then those from the beginning to the end of both."""
    overlapping = re.search(r"run ([0-9.e-]+) \(side by side", run.summary)
    return float(overlapping[1]) if overlapping else run.flow["wall_seconds"] + run.flow["observation_seconds"]


def run_script(folder):
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, HERE / "whole_run_jax.py", folder], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - begin, json.loads(done.stdout)["work"]


def choose(case, folder, path):
    """Leaves the settings of the script: the solver of diffrax that is the fastest where its columns are at least as accurate as gramflow's."""
    fixed = {"times": times(case), "decay": case.decay, "depth": len(case.widths) - 1, "linear": case.activation == "identity"}

    def script(method, rtol):
        (folder / "settings.json").write_text(json.dumps(fixed | {"solver": method, "rtol": rtol}))
        return run_script(folder)[1], dict(np.load(folder / "columns.npz"))

    reference = script("Dopri8", REFERENCE)[1]
    ours, name = apart(columns(run_gramflow(case, folder, path, {"observe": GROUPS}), reference), reference)
    # Not `>`, so that NaN fails.
    assert ours <= AGREE * RTOL[case.name], f"{case.name}: {name} of gramflow differs from that of diffrax by {ours:.1e}"
    found = []
    for method in ("Tsit5", "Dopri5", "Dopri8"):
        for rtol in [10.0 ** (round(np.log10(RTOL[case.name])) + k) for k in (1, 0, -1, -2, -3)]:
            seconds, theirs = script(method, rtol)
            if (error := apart(theirs, reference)[0]) <= ours:
                found.append((seconds, method, rtol, error))
                break
    _, method, rtol, error = min(found)
    script(method, rtol)
    return {"solver": f"diffrax {method}, rtol {rtol:.0e}", "errors": [ours, error], "worst": name}


def columns(run, names):
    """What gramflow has recorded under these names."""
    import pyarrow.parquet

    table, arrays = pyarrow.parquet.read_table(run.folder / "records.parquet").to_pydict(), np.load(run.folder / "arrays.npz")
    return {name: arrays[f"flow/{name}"] if name.startswith("sv_") else np.array(table[name], dtype=float) for name in names}


def apart(found, reference):
    """The largest difference of a column at any time, over its largest value, and the name of the column."""
    off = {}
    for name, wanted in reference.items():
        assert found[name].shape == wanted.shape, f"{name} has the shapes {found[name].shape} and {wanted.shape}"
        off[name] = float(np.abs(found[name] - wanted).max() / np.abs(wanted).max())
    # NaN counts as the worst.
    worst = max(off, key=lambda name: float("inf") if np.isnan(off[name]) else off[name])
    return off[worst], worst


def race(case, folder, path, rounds):
    """Rounds on one thread count; the solver is chosen once."""
    chosen = folder / "chosen.json"
    if not chosen.exists():
        chosen.write_text(json.dumps(choose(case, folder, path)))
    seconds = {"same": [], "default": [], "script": []}
    for _ in range(rounds):
        for side, observe in (("same", {"observe": GROUPS}), ("default", {})):
            run = run_gramflow(case, folder, path, observe)
            seconds[side].append((run.whole, busy(run)))
            if side == "same":
                seconds["script"].append(run_script(folder))
    return {"what": f"{case.what}, rtol {RTOL[case.name]:.0e}", "seconds": seconds} | json.loads(chosen.read_text())


def child(names, folder, path, rounds, threads):
    """One thread count, in a process of its own: one line of JSON per case."""
    pin(threads)
    for name in names:
        print(json.dumps(race(CASES[name], folder / name, path, rounds)), flush=True)


def table(records):
    yield "| case | columns of gramflow | timed | gramflow | diffrax and jax | ratio (range) |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for record in records:
        for columns, words in (("same", "the script's and their groups"), ("default", "all by default")):
            for part, timed in enumerate(("whole process", "flow and columns")):
                ours, theirs = ([pair[part] for pair in record["seconds"][side]] for side in (columns, "script"))
                ratios = [b / a for a, b in zip(ours, theirs)]
                first = columns == "same" and part == 0
                yield (f"| {record['what'] if first else ''} | {words if part == 0 else ''} | {timed} | {statistics.median(ours):.3g} s | "
                       f"{statistics.median(theirs):.3g} s | **{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) |")
    yield ""
    for record in records:
        ours, theirs = record["errors"]
        yield (f"- {record['what']}: {record['solver']}. Error of the columns at any time, over their largest value: gramflow {ours:.0e} "
               f"(`{record['worst']}`), diffrax {theirs:.0e}. {len(record['seconds']['same'])} rounds.")


def main():
    a = command.arguments(__doc__, CASES, "whole_run.md")
    if a.child:
        return child(a.names, pathlib.Path(a.child[0]), a.gramflow, a.rounds, int(a.child[1]))
    path = command.built(a.gramflow)
    lines = [f"{machine()}\n"]
    with tempfile.TemporaryDirectory() as folder:
        for name in a.names:
            networks.write(CASES[name], pathlib.Path(folder) / name)
        for threads in map(int, a.threads.split(",")):
            line = [sys.executable, __file__, *a.names, "--rounds", str(a.rounds), "--gramflow", path, "--child", folder, str(threads)]
            out = subprocess.run(line, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True).stdout
            lines += [f"### On {on_threads(threads)}\n", *table([json.loads(line) for line in out.splitlines()]), ""]
    text = "\n".join(lines)
    print(text)
    if a.write:
        (HERE / "whole_run.md").write_text("# The race of whole runs\n\n" + text)


if __name__ == "__main__":
    main()
