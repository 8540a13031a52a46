"""The solvers that race: gramflow's process, scipy, diffrax, torchdiffeq, and a loop in PyTorch.

A solver has a dial, an integer: rtol = 10^−dial with atol = rtol / 100, or for fixed steps 2^dial of them. Its `run` takes the dial and the
seconds that it may take, and returns the weights at the end, the seconds (without compilation), and the work in words.
Threads come from the environment, which must be set before this module is imported.
"""
import os
import subprocess
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import torch
from scipy.integrate import solve_ivp
from torchdiffeq import odeint

from equal_error import Stopped
from problems import flat, numpy_field

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
torch.set_num_threads(THREADS)
# LSODA stores a dense Jacobian even where it never forms one.
DENSE = 2500


def clocked(function, limit):
    """The field, raising once `limit` seconds are over."""
    end = time.perf_counter() + limit

    def field(t, v):
        if time.perf_counter() > end:
            raise Stopped
        return function(t, v)
    return field


class Solver:
    dials = (3, 13)
    start = {False: 7, True: 6}  # where the search for the error begins, on a white and on a stiff case
    compiled = 0.0

    def __init__(self, name, form):
        self.name, self.form = name, form

    @property
    def kind(self):
        return "data" if self.form == "data" else "moments"

    def prepare(self):
        """What is done once and not timed."""

    def setting(self, dial):
        return f"rtol 1e-{dial}"


class Gramflow(Solver):
    kind = "ours"

    def __init__(self, process, method):
        super().__init__(f"gramflow {method}", "moments")
        self.process, self.method = process, method

    def run(self, dial, limit):
        answer = self.process.ask(f"run {self.method} 1e-{dial} 1e-{dial + 2}").split()
        if answer[0] == "stopped":
            raise Stopped(" ".join(answer))
        return self.process.problem.read(self.process.problem.folder / "end.npz"), float(answer[0]), f"{answer[1]} gradients"


class Process:
    """gramflow's side: `flow.rs`."""

    def __init__(self, binary):
        environment = os.environ | {"GRAMFLOW_THREADS": str(THREADS)}
        self.child = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, command):
        print(command, file=self.child.stdin, flush=True)
        answer = self.child.stdout.readline().strip()
        assert answer, f"gramflow ended at: {command}"
        return answer

    def begin(self, problem):
        self.problem = problem
        assert self.ask(f"case {problem.folder} {problem.case.decay} {problem.case.t_end} {THREADS}") == "ready"

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class Scipy(Solver):
    def __init__(self, problem, method, form):
        super().__init__(f"scipy {method}", form)
        self.problem, self.method, self.field = problem, method, numpy_field(problem, form)

    def run(self, dial, limit):
        rtol, span = 10.0**-dial, (0, self.problem.case.t_end)
        begin = time.perf_counter()
        s = solve_ivp(clocked(self.field, limit), span, self.problem.start, method=self.method, rtol=rtol, atol=rtol / 100)
        seconds = time.perf_counter() - begin
        if s.status != 0:
            raise Stopped(s.message)
        return s.y[:, -1], seconds, f"{s.nfev} evaluations"


class Diffrax(Solver):
    def __init__(self, problem, method, form):
        super().__init__(f"diffrax {method}", form)
        self.problem, self.method = problem, method

    def prepare(self):
        problem = self.problem
        x, y = map(jnp.asarray, problem.given(self.form))
        gradient = jax.grad(lambda w: problem.loss(self.form, x, y, w))
        term = diffrax.ODETerm(lambda t, w, _: jax.tree.map(jnp.negative, gradient(w)))
        # Only implicit steps, which are slow anyway, ask the clock.
        clock = lambda t, y, args, **_: jax.pure_callback(self.late, jax.ShapeDtypeStruct((), bool), t)
        event = diffrax.Event(clock) if self.method == "Kvaerno5" else None
        solver = getattr(diffrax, self.method)()

        def solve(w, rtol):
            controller = diffrax.PIDController(rtol=rtol, atol=rtol / 100)
            return diffrax.diffeqsolve(
                term, solver, 0.0, problem.case.t_end, None, w, saveat=diffrax.SaveAt(t1=True),
                max_steps=problem.case.max_steps, stepsize_controller=controller, event=event, throw=False)

        self.weights = [jnp.asarray(w) for w in problem.weights]
        begin = time.perf_counter()
        self.solve = jax.jit(solve).lower(self.weights, jnp.asarray(1e-3)).compile()
        self.compiled = time.perf_counter() - begin

    def late(self, t):
        return np.asarray(time.perf_counter() > self.end)

    def run(self, dial, limit):
        self.end = time.perf_counter() + limit
        begin = time.perf_counter()
        s = self.solve(self.weights, jnp.asarray(10.0**-dial))
        end = jax.block_until_ready(s.ys)
        seconds = time.perf_counter() - begin
        if s.result != diffrax.RESULTS.successful:
            raise Stopped
        return flat(np.asarray(w[-1]) for w in end), seconds, f"{int(s.stats['num_steps'])} steps"


class Torch(Solver):
    """The field by autograd: what torchdiffeq and the loop share."""

    def __init__(self, problem, name, form):
        super().__init__(name, form)
        self.problem = problem
        self.x, self.y = map(torch.tensor, problem.given(form))

    def timed(self, steps, limit):
        calls = [0]

        def field(t, w):
            calls[0] += 1
            with torch.enable_grad():
                w = [m.detach().requires_grad_(True) for m in w]
                return tuple(-g for g in torch.autograd.grad(self.problem.loss(self.form, self.x, self.y, w), w))

        start = tuple(map(torch.tensor, self.problem.weights))
        begin = time.perf_counter()
        try:
            end = steps(clocked(field, limit), start)
        except AssertionError as failure:  # torchdiffeq: underflow in dt
            raise Stopped(str(failure))
        seconds = time.perf_counter() - begin
        return flat(w.detach().numpy() for w in end), seconds, f"{calls[0]} evaluations"


class Torchdiffeq(Torch):
    def __init__(self, problem, form):
        super().__init__(problem, "torchdiffeq dopri5", form)

    def run(self, dial, limit):
        span = torch.tensor([0.0, self.problem.case.t_end])

        def steps(field, start):
            return [w[-1] for w in odeint(field, start, span, method="dopri5", rtol=10.0**-dial, atol=10.0**-dial / 100)]
        return self.timed(steps, limit)


class Loop(Torch):
    """The script that needs no package: classical Runge–Kutta of order 4 with 2^dial equal steps."""
    dials = (4, 20)
    start = {False: 7, True: 14}

    def __init__(self, problem, form):
        super().__init__(problem, "PyTorch loop RK4", form)

    def setting(self, dial):
        return f"{2**dial} steps"

    def run(self, dial, limit):
        h = self.problem.case.t_end / 2**dial

        def steps(field, w):
            for _ in range(2**dial):
                k1 = field(0, w)
                k2 = field(0, [a + h / 2 * k for a, k in zip(w, k1)])
                k3 = field(0, [a + h / 2 * k for a, k in zip(w, k2)])
                k4 = field(0, [a + h * k for a, k in zip(w, k3)])
                w = [a + h / 6 * (b + 2 * c + 2 * d + e) for a, b, c, d, e in zip(w, k1, k2, k3, k4)]
                if not torch.isfinite(w[0][0, 0]):
                    break
            return w
        return self.timed(steps, limit)


def solvers(problem, process):
    """All solvers that race on a problem, those likely to be fast first: a known time bounds the others'."""
    stiff, forms = problem.case.stiff, problem.forms()
    # rkc is of order 2: at the error of the white cases it would take minutes.
    methods = ("auto", "rock4", "rkc", "tsit5") if stiff else ("auto", "tsit5", "dop853", "rock4")
    out = [Gramflow(process, method) for method in methods]
    for form in reversed(forms[:-1] if not stiff else forms):
        if len(problem.start) <= DENSE:
            out += [Scipy(problem, method, form) for method in (("LSODA", "BDF", "Radau") if stiff else ("LSODA",))]
        out += [Diffrax(problem, method, form) for method in ("Tsit5", "Dopri8", "Dopri5")]
        if stiff:
            out.append(Diffrax(problem, "Kvaerno5", form))
        out += [Scipy(problem, "DOP853", form), Scipy(problem, "RK45", form), Torchdiffeq(problem, form), Loop(problem, form)]
    if "data" in forms:
        out += [Diffrax(problem, method, "data") for method in ("Tsit5", "Dopri8", "Dopri5")]
        out += [Torchdiffeq(problem, "data"), Loop(problem, "data")]
        out += [Scipy(problem, method, "data") for method in ("DOP853", "RK45")]
    return out
