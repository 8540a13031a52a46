"""Gradient flows of linear networks: gramflow against scipy, diffrax, torchdiffeq and a loop in PyTorch, in turns within one run.

  python benches/peers/flows.py [CASE ...] [--threads 1,2] [--rounds 5] [--write]     from anywhere; builds gramflow's side first

Every solver gets the same moments (or the same samples) and start, and must end in the same weights. Times are compared at one error,
‖θ − θ_ref‖/‖θ_ref‖ of the case: each solver's tolerance is varied until two settings bracket that error, and its time is interpolated
between them, log–log; nothing is extrapolated. The three peers that are fastest by these times go on, round by round in turns with gramflow,
and the table has the median and the range of the ratios; the others' times are those of the search. The best peer is the one with the least
median. A solver is stopped when it takes 10 times as long as the fastest before it.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from equal_error import HERE, ROOT, Entry, Stopped, environment, machine, on_threads

FINALISTS = 3
# Against autodiff through the samples: the tolerance that a user would ask for.
DIAL = 8


def race(case, process, rounds):
    """All solvers on one case: a record of what the tables need."""
    import peers
    import problems

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        problems.write(case, folder)
        problem = problems.Problem(case, folder)
        process.begin(problem)
        entries = [Entry(solver) for solver in peers.solvers(problem, process) if solver.form != "data"]
        best = None
        for entry in entries:
            entry.solver.prepare()
            limit = case.limit if best is None or entry.solver.kind == "ours" else min(case.limit, max(2.0, 10 * best))
            entry.search(problem, [case.error], entry.solver.start[case.stiff], limit)
            if entry.solver.kind != "ours" and (seconds := entry.seconds(case.error)):
                best = min(best or seconds, seconds)
        ours = entries[0]
        field = [entry for entry in entries if entry.solver.kind != "ours" and entry.seconds(case.error)]
        finalists = sorted(field, key=lambda entry: entry.seconds(case.error))[:FINALISTS]
        for _ in range(rounds if (best or 0) < 1 else min(rounds, 3)):
            for entry in [ours, *finalists]:
                entry.once(problem, [case.error])
        winner = min(finalists, key=lambda entry: entry.median(case.error))
        ratios = [theirs / mine for theirs, mine in zip(winner.times[case.error], ours.times[case.error])]
        record = {
            "what": case.what, "target": case.target, "error": case.error, "ours": ours.median(case.error),
            "best": f"{winner.solver.name}, {winner.solver.form}", "theirs": winner.median(case.error),
            "ratio": [statistics.median(ratios), min(ratios), max(ratios)], "solvers": [row(entry, case.error) for entry in entries],
        }
        if case.data_target:
            record["data"] = through_samples(problem, ours, case)
        return record


def row(entry, error):
    seconds = entry.median(error)
    dials = entry.bracket(error)
    work = f"{entry.points[dials[0]][2]} to {entry.points[dials[1]][2]}" if dials else ""
    setting = f"{entry.solver.setting(dials[0])} to {entry.solver.setting(dials[1])}" if dials else entry.note
    form = {"moments": "moments", "output": "moments, from the output"}[entry.solver.form]
    return {"name": entry.solver.name, "form": form, "ms": 1e3 * seconds if seconds else None, "setting": setting, "work": work}


def through_samples(problem, ours, case):
    """What users write first: autodiff through the samples, at the same tolerance, in turns with gramflow."""
    import peers

    theirs, ratios = [Entry(peers.Diffrax(problem, "Tsit5", "data")), Entry(peers.Torchdiffeq(problem, "data"))], {}
    for entry in theirs:
        entry.solver.prepare()
        mine = ours.run(DIAL, 600.0, problem)[1]
        try:
            ratios[entry.solver.name] = [entry.run(DIAL, 240.0, problem)[1] / mine]
        except Stopped:
            # Slower than the other by far.
            pass
    theirs = [entry for entry in theirs if entry.solver.name in ratios]
    fastest = min(entry.points[DIAL][1] for entry in theirs)
    # The run above was the first round; where runs take long, the only one.
    rounds = 3 if fastest < 5 else 2 if fastest < 20 else 1
    for _ in range(rounds - 1):
        mine = ours.run(DIAL, 600.0, problem)
        for entry in theirs:
            ratios[entry.solver.name].append(entry.run(DIAL, 600.0, problem)[1] / mine[1])
    name = min(ratios, key=lambda name: statistics.median(ratios[name]))
    errors = [entry.points[DIAL][0] for entry in theirs]
    assert max(errors) < 1e-4, f"through the samples the weights are other ones: {errors}"
    return {"name": name, "ratio": statistics.median(ratios[name]), "target": case.data_target, "rounds": rounds}


def child(names, rounds, threads):
    """One thread count, in a process of its own: one line of JSON per case."""
    import peers
    import problems

    process = peers.Process(ROOT / "target/release/examples/flow")
    for name in names or problems.CASES:
        print(json.dumps(race(problems.CASES[name], process, rounds)), flush=True)
    process.close()


def table(records):
    yield "| L layers of d × d; outputs | gramflow | best peer | takes | ratio (range) | wanted | autodiff through 1,000 samples | wanted |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for r in records:
        median, least, most = r["ratio"]
        data = r.get("data")
        through = f"{data['ratio']:.0f} ({data['name']}) | {data['target']:.0f}" if data else "– | –"
        yield (f"| {r['what']} | {1e3 * r['ours']:.3g} ms | {r['best']} | {1e3 * r['theirs']:.3g} ms | "
               f"**{median:.2f}** ({least:.2f}–{most:.2f}) | {r['target']:g} | {through} |")


def details(records):
    for r in records:
        yield f"\n**{r['what']}**, at error {r['error']:g}\n"
        yield "| solver | form | ms | between | work |"
        yield "| --- | --- | --- | --- | --- |"
        for s in r["solvers"]:
            ms = f"{s['ms']:.3g}" if s["ms"] else "–"
            yield f"| {s['name']} | {s['form']} | {ms} | {s['setting']} | {s['work']} |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cases", nargs="*")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--write", action="store_true", help="leave the tables in flows.md beside this file")
    p.add_argument("--child", type=int, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.child:
        return child(a.cases, a.rounds, a.child)
    subprocess.run(["cargo", "build", "--release", "--example", "flow"], cwd=ROOT, check=True)
    lines, below = [f"{machine()}\n"], []
    for threads in map(int, a.threads.split(",")):
        command = [sys.executable, __file__, *a.cases, "--rounds", str(a.rounds), "--child", str(threads)]
        out = subprocess.run(command, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True).stdout
        records = [json.loads(line) for line in out.splitlines()]
        heading = on_threads(threads)
        lines += [f"### On {heading}\n", *table(records), ""]
        below += [f"\n### Every solver, on {heading}", *details(records)]
    text = "\n".join(lines + below) + "\n"
    print(text)
    if a.write:
        (HERE / "flows.md").write_text("# The race of flows\n\n" + text)


if __name__ == "__main__":
    main()
