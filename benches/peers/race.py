"""One gradient of gramflow against PyTorch's forward and backward in float64, in turns within one run.

  python benches/peers/race.py [CASE ...]     from the root of the repository; builds gramflow's side first

Both sides get the same samples and parameters from files, and their gradients must agree to 1e-12. A round is a number of gradients of one
side, then as many of the other; the ratio of a round is that of the two medians, and the table has the median and the range over the rounds.
On a shared machine, longer gradients are interrupted more often, which flatters the faster side: read the ratio of the least times of all
rounds there.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = 11
# widths, activation of the hidden layers, samples, threads, gradients in a round, the ratio to reach.
CASES = {
    "small": ([10, 32, 1], "tanh", 100, 1, 400, 4.0),
    "tanh": ([20, 100, 100, 1], "tanh", 1000, 1, 40, 1.2),
    "relu": ([20, 100, 100, 1], "relu", 1000, 1, 40, 1.2),
    "gelu": ([20, 100, 100, 1], "gelu", 1000, 1, 40, 1.0),
    "wide": ([512, 512, 512, 1], "relu", 8000, 1, 2, 1.0),
    "wide-2": ([512, 512, 512, 1], "relu", 8000, 2, 2, 1.0),
}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "gelu": torch.nn.functional.gelu}


def arrays(widths, samples):
    rng = np.random.default_rng(0)
    out = {"X": rng.standard_normal((samples, widths[0])), "Y": rng.standard_normal((samples, widths[-1]))}
    for l, (i, o) in enumerate(zip(widths, widths[1:]), 1):
        out |= {f"W{l}": rng.standard_normal((o, i)) / np.sqrt(i), f"b{l}": 0.1 * rng.standard_normal(o)}
    return out


def theirs(widths, activation, given):
    """A function that forms PyTorch's gradient, in the order W1, b1, …."""
    x, y = torch.tensor(given["X"]), torch.tensor(given["Y"])
    depth = len(widths) - 1
    parameters = [torch.tensor(given[f"{kind}{l}"], requires_grad=True) for l in range(1, depth + 1) for kind in "Wb"]

    def gradient():
        h = x
        for l in range(depth):
            h = torch.addmm(parameters[2 * l + 1], h, parameters[2 * l].t())
            if l < depth - 1:
                h = ACTIVATIONS[activation](h)
        return torch.autograd.grad(((h - y) ** 2).sum() / (2 * len(x)), parameters)

    return gradient


def median_and_least(run, repetitions):
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times)


def race(ask, folder, widths, activation, samples, threads, repetitions):
    given = arrays(widths, samples)
    np.savez(folder / "case.npz", **given)
    (folder / "activations").write_text(" ".join([activation] * (len(widths) - 2) + ["identity"]))
    assert ask(f"case {folder} {threads}") == "ready"
    torch.set_num_threads(threads)
    run = theirs(widths, activation, given)
    ours = np.load(folder / "gradient.npz")
    flat = lambda parts: np.concatenate([np.ravel(part) for part in parts])
    wanted = flat(part.numpy() for part in run())
    got = flat(ours[f"{kind}{l}"] for l in range(1, len(widths)) for kind in "Wb")
    apart = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
    assert apart < 1e-12, f"the gradients differ by {apart:.1e}"
    rounds = []
    for _ in range(ROUNDS):
        ours = tuple(map(float, ask(f"time {repetitions}").split()))
        rounds.append((ours, median_and_least(run, repetitions)))
    return apart, rounds


def main(names):
    subprocess.run(["cargo", "build", "--release", "--example", "gradient"], cwd=ROOT, check=True)
    binary = ROOT / "target/release/examples/gradient"
    torch.set_default_dtype(torch.float64)
    peer = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(command):
        print(command, file=peer.stdin, flush=True)
        return peer.stdout.readline().strip()

    print(f"torch {torch.__version__}\n")
    print("| case | threads | gramflow | PyTorch | ratio of medians (range) | of least times | wanted | gradients apart |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in names or CASES:
        widths, activation, samples, threads, repetitions, wanted = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            apart, rounds = race(ask, pathlib.Path(folder), widths, activation, samples, threads, repetitions)
        ratios = [b / a for (a, _), (b, _) in rounds]
        ours, torchs = (1e3 * min(least for _, least in side) for side in zip(*rounds))
        what = f"{' → '.join(map(str, widths))} {activation}, n = {samples}"
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| {what} | {threads} | {ours:.3g} ms | {torchs:.3g} ms | {spread} | {torchs / ours:.2f} | {wanted} | {apart:.0e} |", flush=True)
    peer.stdin.close()
    peer.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
