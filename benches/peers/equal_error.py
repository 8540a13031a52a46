"""What the races of flows share: threads, the machine, and times at equal error.

A solver's tolerance is varied until two neighbouring settings bracket an error, and its time is interpolated between them, log–log. Nothing is
extrapolated.
"""
import math
import os
import pathlib
import platform
import statistics

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Stopped(Exception):
    """A run that took longer than it may, or that failed."""


def environment(threads):
    """Libraries read their number of threads when they are loaded."""
    eigen = "true" if threads > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return os.environ | {name: str(threads) for name in names} | {"XLA_FLAGS": flags}


def pin(threads):
    """Leaves this process and its children `threads` cores: the command takes as many threads as it has cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def machine():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    flags = next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "")
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE2"
    pins = ", ".join((HERE / "requirements.txt").read_text().split())
    return f"{cpu}, {os.cpu_count()} cores, {wide}; {pins}"


def on_threads(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def at_error(points, error):
    """The seconds at `error` between two points (error, seconds) that bracket it, linear in log–log."""
    (e_1, s_1), (e_2, s_2) = points
    share = math.log(e_1 / error) / math.log(e_1 / e_2) if e_1 != e_2 else 0.5
    return s_1 * (s_2 / s_1) ** share


class Entry:
    """What is known of one solver on one case: `points[dial]` is the error, the seconds of the last run, and its work in words."""

    def __init__(self, solver):
        self.solver, self.points, self.seconds_of, self.note, self.times = solver, {}, {}, "", {}

    def run(self, dial, limit, problem):
        end, seconds, work = self.solver.run(dial, limit)
        self.points[dial] = (problem.error(end), seconds, work)
        self.seconds_of.setdefault(dial, []).append(seconds)
        return self.points[dial]

    def bracket(self, error):
        """Two neighbouring dials with the error between theirs, if they are known."""
        for dial in sorted(self.points):
            if dial + 1 in self.points and self.points[dial][0] >= error >= self.points[dial + 1][0]:
                return dial, dial + 1
        return None

    def next_dial(self, errors, start):
        """The setting to try next on the way to brackets of all errors; None once there are, or where the dial ends."""
        if not self.points:
            return start
        (loosest, tightest), (low, high) = (min(self.points), max(self.points)), self.solver.dials
        if self.points[loosest][0] < max(errors) and loosest > low:
            return loosest - 1
        return tightest + 1 if self.points[tightest][0] > min(errors) and tightest < high else None

    def step(self, problem, errors, start, limit):
        """One run of the search; whether another one is needed."""
        dial = None if self.note else self.next_dial(errors, start)
        if dial is not None:
            try:
                self.run(dial, limit, problem)
            except Stopped as stopped:
                self.note = f"stopped at {self.solver.setting(dial)} {stopped}".strip()
        return dial is not None

    def search(self, problem, errors, start, limit):
        while self.step(problem, errors, start, limit):
            pass
        if not self.note and any(self.bracket(error) is None for error in errors):
            self.note = "does not bracket the error"

    def seconds(self, error):
        """The time at the error; None where no settings bracket it."""
        dials = self.bracket(error)
        return at_error([self.points[dial][:2] for dial in dials], error) if dials else None

    def once(self, problem, errors):
        """One more run of every setting that brackets one of the errors."""
        for dial in sorted({dial for error in errors for dial in self.bracket(error) or ()}):
            self.run(dial, 600.0, problem)
        self.keep_times(errors)

    def keep_times(self, errors):
        for error in errors:
            if (seconds := self.seconds(error)) is not None:
                self.times.setdefault(error, []).append(seconds)

    def median(self, error):
        """The median over the rounds; the time of the search where there was none; None where no settings bracket the error."""
        return statistics.median(self.times[error]) if error in self.times else self.seconds(error)
