"""Flows of any gradient: gramflow's Python package against torchdiffeq's dopri5, by gradients at equal error.

  python benches/peers/any_gradient.py [--write]     from anywhere, where gramflow, torch and torchdiffeq are installed

Every solver is run at rtol 1e-3, 1e-4, …, 1e-10, atol a thousandth of it, until its relative error ‖θ − θ_ref‖/‖θ_ref‖ at the end is below that of
the case. The gradients at exactly that error are interpolated between the two tolerances that bracket it, log–log. A product with the Hessian
counts as 2. θ_ref is the closed form, or DOP853 at rtol 1e-12.
"""
import argparse
import math
import pathlib

import numpy as np
import torch
import torchdiffeq

import gramflow as gf

HERE = pathlib.Path(__file__).resolve().parent
torch.set_num_threads(1)


class Case:
    """A model, its horizon, the error that is asked for, and θ at the end."""

    def __init__(self, name, model, t_end, error, end=None):
        self.name, self.model, self.t_end, self.error = name, model, t_end, error
        if end is None:
            end = gf.flow(model, t_end=t_end, rtol=1e-12, atol=1e-15, integrator="dop853", t_eval=[t_end]).y[-1]
        self.end = end

    def off(self, theta):
        return float(np.linalg.norm(theta - self.end) / np.linalg.norm(self.end))


def quadratic():
    """J = ½ Σ c_i (θ_i − 1)² from 0, κ = 1e4: e^{−ct} in closed form."""
    curvatures = np.geomspace(1e-3, 10, 200)

    def value_and_grad(theta):
        return 0.5 * float(np.sum(curvatures * (theta - 1) ** 2)), curvatures * (theta - 1)

    model = gf.Model(value_and_grad, np.zeros(200), hvp=lambda theta, v: curvatures * v)
    return Case("quadratic, κ = 1e4", model, 1000.0, 1e-6, -np.expm1(-1000.0 * curvatures))


def network(t_end):
    """A tanh network of 482 parameters on badly scaled inputs, in torch; the longer the horizon, the stiffer its flow."""
    torch.manual_seed(0)
    inputs = torch.randn(100, 10, dtype=torch.float64) * torch.logspace(0.5, -0.5, 10, dtype=torch.float64)
    labels = torch.sin(inputs[:, -2:])
    module = torch.nn.Sequential(
        torch.nn.Linear(10, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
    )
    model = gf.from_torch(module.double(), lambda f, y: 0.5 * ((f - y) ** 2).sum(dim=1).mean(), (inputs, labels))
    return Case(f"tanh network in torch, to t = {t_end:.0f}", model, t_end, 1e-5)


def gramflow(case, rtol):
    sol = gf.flow(case.model, t_end=case.t_end, rtol=rtol, atol=1e-3 * rtol, t_eval=[case.t_end])
    return sol.y[-1], sol.stats["gradients"]


def dopri5(case, rtol):
    calls = 0

    def field(_, theta):
        nonlocal calls
        calls += 1
        return torch.from_numpy(-np.asarray(case.model.value_and_grad(theta.numpy())[1]))

    times = torch.tensor([0.0, case.t_end], dtype=torch.float64)
    start = torch.from_numpy(case.model.theta0.copy())
    end = torchdiffeq.odeint(field, start, times, method="dopri5", rtol=rtol, atol=1e-3 * rtol)[-1]
    return end.numpy(), calls


def at_error(case, solver):
    """The gradients at the error of the case, between two tolerances that bracket it."""
    before = None
    for k in range(3, 11):
        theta, gradients = solver(case, 10.0**-k)
        here = (case.off(theta), gradients)
        print(f"  {solver.__name__} rtol 1e-{k}: error {here[0]:.1e}, {gradients} gradients", flush=True)
        if here[0] <= case.error:
            if before is None:
                return gradients
            share = math.log(before[0] / case.error) / math.log(before[0] / here[0])
            return before[1] * (here[1] / before[1]) ** share
        before = here
    raise SystemExit(f"{case.name}: {solver.__name__} does not reach an error of {case.error:.0e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table to any_gradient.md")
    lines = [
        "| case | relative error at the end | gramflow `auto` | torchdiffeq dopri5 | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    options = parser.parse_args()
    for make in (quadratic, lambda: network(200.0), lambda: network(1000.0)):
        case = make()
        print(case.name, flush=True)
        ours, theirs = (at_error(case, solver) for solver in (gramflow, dopri5))
        lines.append(f"| {case.name} | {case.error:.0e} | {ours:,.0f} | {theirs:,.0f} | {theirs / ours:.1f} |")
    table = "\n".join(lines) + "\n"
    print(table)
    if options.write:
        (HERE / "any_gradient.md").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
