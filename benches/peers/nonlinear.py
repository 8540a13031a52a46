"""Flows of nonlinear networks: the command gramflow against jitted diffrax, in turns within one run.

  python benches/peers/nonlinear.py [CASE ...] [--threads 1,2] [--rounds 5] [--write] [--gramflow PATH]     from anywhere

Every solver gets the same samples and start, and must end in the same weights. Times are compared at one error of these,
‖θ − θ_ref‖/‖θ_ref‖: the tolerance of each solver is varied until two settings bracket that error, and its time is interpolated between them,
log–log; nothing is extrapolated. An error that gramflow or all peers cannot bracket is left out. The search goes from loose to tight, all
solvers in turns, and is the first round; further rounds run the settings that it has found. The best peer is the one with the least median,
and the table has the median and the range of its ratios.
"""
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import command
import networks
from equal_error import HERE, Entry, environment, machine, on_threads, pin

# After the search a case has as many rounds as are asked for and fit into these seconds.
SECONDS = 10


def gramflow(problem, path):
    from peers import Solver

    class Gramflow(Solver):
        """The integrator `auto`; its seconds are the manifest's, without start-up and observation."""
        kind, dials = "ours", (1, 13)

        def run(self, dial, limit):
            rtol, t_end = 10.0**-dial, problem.case.t_end
            settings = {"flow": {"t_end": t_end, "rtol": rtol, "atol": rtol / 100}, "record": {"times": [0, t_end]}, "observe": ["loss"]}
            run = command.Run(path, problem.folder, command.scenario(problem.case, **settings), limit)
            return run.weights(problem.names), run.flow["wall_seconds"], f"{run.flow['gradients']} gradients"

    return Gramflow("gramflow auto", "data")


def race(case, folder, path, rounds):
    """All solvers on one case: a record of what the tables need."""
    import peers

    problem = networks.Problem(case, folder)
    problem.refer()
    solvers = [gramflow(problem, path)] + [peers.Diffrax(problem, method, "data") for method in case.diffrax]
    solvers += [peers.Torchdiffeq(problem, "data")] * case.torch
    for solver in solvers:
        solver.dials = (1, 13)
        solver.prepare()
    entries, start = [Entry(solver) for solver in solvers], start_dial(case)
    # A list, so that all take their step in every turn.
    while any([entry.step(problem, case.errors, start, case.limit) for entry in entries]):
        pass
    for entry in entries:
        entry.keep_times(case.errors)
    end, longest = time.perf_counter() + SECONDS, sum(seconds for entry in entries for _, seconds, _ in entry.points.values())
    for _ in range(rounds - 1):
        if time.perf_counter() + longest < end:
            for entry in entries:
                entry.once(problem, case.errors)
    rows = [compared(entries, error) for error in case.errors]
    return {"what": case.what, "rows": [row for row in rows if row], "solvers": [points(entry) for entry in entries]}


def start_dial(case):
    """A tolerance at which no solver is as near as the loosest error of the case, as a rule; if one is, its search goes looser first."""
    return max(1, round(-math.log10(max(case.errors))) - 2)


def compared(entries, error):
    """gramflow and the best peer at one error; None where one of them does not bracket it."""
    ours, *peers = entries
    peers = [peer for peer in peers if error in peer.times]
    if error not in ours.times or not peers:
        return None
    best = min(peers, key=lambda peer: peer.median(error))
    ratios = [theirs / mine for theirs, mine in zip(best.times[error], ours.times[error])]
    return {
        "error": error, "ours": ours.median(error), "best": best.solver.name, "theirs": best.median(error),
        "ratio": [statistics.median(ratios), min(ratios), max(ratios)], "rounds": len(ratios),
    }


def points(entry):
    rows = [
        [entry.solver.setting(dial), entry.points[dial][0], 1e3 * statistics.median(entry.seconds_of[dial]), entry.points[dial][2]]
        for dial in sorted(entry.points)
    ]
    return {"name": entry.solver.name, "points": rows, "note": entry.note}


def refer(names, folder):
    """The references, on all cores, in a process of its own."""
    import jax

    jax.config.update("jax_enable_x64", True)
    for name in names:
        networks.Problem(networks.CASES[name], folder / name).refer()


def child(names, folder, path, rounds, threads):
    """One thread count, in a process of its own: one line of JSON per case."""
    if threads == 0:
        return refer(names, folder)
    pin(threads)
    for name in names:
        case = networks.CASES[name]
        if threads in case.threads:
            print(json.dumps(race(case, folder / name, path, rounds)), flush=True)


def table(records):
    yield "| network, samples, horizon | error | gramflow | best peer | takes | ratio (range) | rounds |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for record in records:
        for i, r in enumerate(record["rows"]):
            median, least, most = r["ratio"]
            yield (f"| {'' if i else record['what']} | {r['error']:.0e} | {1e3 * r['ours']:.3g} ms | {r['best']} | {1e3 * r['theirs']:.3g} ms | "
                   f"**{median:.2f}** ({least:.2f}–{most:.2f}) | {r['rounds']} |")


def details(records):
    for record in records:
        yield f"\n**{record['what']}**\n"
        yield "| solver | setting | error | ms | work |"
        yield "| --- | --- | --- | --- | --- |"
        for solver in record["solvers"]:
            for i, (setting, error, ms, work) in enumerate(solver["points"]):
                yield f"| {'' if i else solver['name']} | {setting} | {error:.1e} | {ms:.3g} | {work} |"
            if solver["note"]:
                yield f"| | {solver['note']} | | | |"


def main():
    a = command.arguments(__doc__, networks.CASES, "nonlinear.md")
    if a.child:
        return child(a.names, pathlib.Path(a.child[0]), a.gramflow, a.rounds, int(a.child[1]))
    path = command.built(a.gramflow)
    lines, below = [f"{machine()}\n"], []
    with tempfile.TemporaryDirectory() as folder:
        for name in a.names:
            networks.write(networks.CASES[name], pathlib.Path(folder) / name)
        line = [sys.executable, __file__, *a.names, "--rounds", str(a.rounds), "--gramflow", path, "--child", folder]
        subprocess.run([*line, "0"], env=environment(os.cpu_count()), check=True)
        for threads in map(int, a.threads.split(",")):
            out = subprocess.run([*line, str(threads)], env=environment(threads), stdout=subprocess.PIPE, text=True, check=True).stdout
            records = [json.loads(line) for line in out.splitlines()]
            lines += [f"### On {on_threads(threads)}\n", *table(records), ""]
            below += [f"\n### Every solver, on {on_threads(threads)}", *details(records)]
    text = "\n".join(lines + below) + "\n"
    print(text)
    if a.write:
        (HERE / "nonlinear.md").write_text("# The race of nonlinear flows\n\n" + text)


if __name__ == "__main__":
    main()
