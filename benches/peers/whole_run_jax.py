"""A whole run in diffrax and jax, as one scripts it: the flow at the times of FOLDER/settings.json, and at each of them the loss, ‖∇J‖, the
columns of the feature ansatz and the singular values.

  python whole_run_jax.py FOLDER     reads data.npz, w0.npz, settings.json; writes columns.npz; prints the seconds of compilation and of the rest

A linear network is integrated through its moments, with its AGOP in closed form. Everything is one jitted function.
"""
import json
import pathlib
import sys
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
folder = pathlib.Path(sys.argv[1])
settings = json.loads((folder / "settings.json").read_text())
linear, decay, depth = settings["linear"], settings["decay"], settings["depth"]
data, start = np.load(folder / "data.npz"), np.load(folder / "w0.npz")
w0 = [jnp.asarray(start[f"W{l}"]) for l in range(1, depth + 1)]
b0 = [] if linear else [jnp.asarray(start[f"b{l}"]) for l in range(1, depth + 1)]
x, y = jnp.asarray(data["X"]), jnp.asarray(data["Y"])
if linear:
    given = (x.T @ x / len(x), y.T @ x / len(x), (y * y).sum() / len(x))
else:
    given = (x, y)


def product(w):
    p = w[0]
    for m in w[1:]:
        p = m @ p
    return p


def network(w, b, h):
    for m, c in zip(w[:-1], b):
        h = jnp.tanh(h @ m.T + c)
    return h @ w[-1].T + b[-1]


def loss(theta, given):
    w, b = theta
    if linear:
        sxx, syx, syy = given
        p = product(w)
        return 0.5 * ((p @ sxx) * p).sum() - (p * syx).sum() + 0.5 * syy
    x, y = given
    return ((network(w, b, x) - y) ** 2).sum() / (2 * len(x))


def objective(theta, given):
    return loss(theta, given) + 0.5 * decay * sum((m**2).sum() for m in jax.tree.leaves(theta))


def agop(theta, given):
    w, b = theta
    if linear:
        p = product(w)
        return p.T @ p
    x, _ = given
    jacobians = jax.vmap(jax.jacrev(lambda x: network(w, b, x)))(x)
    stacked = jacobians.reshape(-1, x.shape[1])
    return stacked.T @ stacked / len(x)


def columns(theta, given):
    w, _ = theta
    a, gram = agop(theta, given), w[0].T @ w[0]
    values, vectors = jnp.linalg.eigh(a)
    root = (vectors * jnp.maximum(values, 0.0) ** (1 / depth)) @ vectors.T
    gradient = jax.grad(objective)(theta, given)
    out = {
        "loss": loss(theta, given),
        "grad_norm": jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient))),
        "nfa_residual": jnp.linalg.norm(a - jnp.linalg.matrix_power(gram, depth)),
        "nfa_cosine": (gram * root).sum() / (jnp.linalg.norm(gram) * jnp.linalg.norm(root)),
        "sv_agop": values[::-1],
    }
    if linear:
        out["balance_gap"] = jnp.stack([jnp.linalg.norm(v.T @ v - u @ u.T) for u, v in zip(w, w[1:])]).max()
    return out | {f"sv_W{l}": jnp.linalg.svd(m, compute_uv=False) for l, m in enumerate(w, 1)}


def whole(theta, given):
    field = lambda t, theta, given: jax.tree.map(jnp.negative, jax.grad(objective)(theta, given))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), getattr(diffrax, settings["solver"])(), 0.0, settings["times"][-1], None, theta, args=given,
        saveat=diffrax.SaveAt(ts=jnp.asarray(settings["times"])), max_steps=1_000_000,
        stepsize_controller=diffrax.PIDController(rtol=settings["rtol"], atol=settings["rtol"] / 100))
    return jax.lax.map(lambda theta: columns(theta, given), solution.ys)


begin = time.perf_counter()
compiled = jax.jit(whole).lower((w0, b0), given).compile()
middle = time.perf_counter()
found = jax.block_until_ready(compiled((w0, b0), given))
end = time.perf_counter()
np.savez(folder / "columns.npz", **{name: np.asarray(column) for name, column in found.items()})
print(json.dumps({"compilation": middle - begin, "work": end - middle}))
