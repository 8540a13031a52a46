# %% [markdown]
# # A residual network by JAX against its flow
#
# Full-batch gradient descent on a residual network, beside the flow that it discretizes. The flow is stiff: its fastest direction relaxes long
# before the slowest one moves. `auto` notices, and takes a stabilized method.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import gramflow as gf

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(0)
X = rng.normal(size=(64, 6)) * np.geomspace(3, 0.1, 6)  # badly scaled inputs
Y = np.sin(X[:, :2])


def outputs(params, nudges):
    """x ← x + tanh(x W) in each block, then a linear layer. The nudges are added to the inputs of layers: for their Jacobians."""
    h = X
    for block, nudge in zip(params["blocks"], nudges):
        h = h + jnp.tanh((h + nudge) @ block)
    return (h + nudges[-1]) @ params["out"]


def loss(params):
    return 0.5 * jnp.mean(jnp.sum((outputs(params, [0.0] * 4) - Y) ** 2, axis=1))


params = {"blocks": [0.3 * rng.normal(size=(6, 6)) for _ in range(3)], "out": 0.3 * rng.normal(size=(6, 2))}
model = gf.from_jax(loss, params, outputs)
print(model.parts)

# %%
sol = gf.flow(model, t_end=200.0, rtol=1e-4, atol=1e-7, dense_output=True)
print({name: sol.stats[name] for name in ("steps_accepted", "gradients", "methods")})
explicit = gf.flow(model, t_end=200.0, rtol=1e-4, atol=1e-7, integrator="dopri5", t_eval=[200.0])
print(f"dopri5: {explicit.stats['gradients']} gradients")

# %% [markdown]
# θ at any time, as a pytree again.

# %%
halfway = model.unflatten(sol(100.0))
print({"loss at the start": float(loss(params)), "halfway": float(loss(halfway)), "at the end": float(loss(model.unflatten(sol.y[-1])))})

# %% [markdown]
# Gradient descent on the same clock, with layers named by their paths. Across a residual connection nothing is conserved, so that there is no
# balance to record; the ansatz of each layer is measured by its Jacobians.

# %%
rates = {"gd-large": 0.2, "gd-middle": 0.1, "gd-small": 0.05}
run = gf.compare(
    model,
    [{"gd": {"name": name, "lr": lr}} for name, lr in rates.items()],
    t_end=20.0,
    layers=[gf.Layer(f"blocks.{i}", transposed=True) for i in range(3)] + [gf.Layer("out", transposed=True)],
    record={"linear": {"points": 21}},
    rtol=1e-6,
    atol=1e-9,
)
ends = run.records.groupby("process").last()
print(ends[["loss", "distance_to_flow", "sharpness", "nfa_cosine", "nfa_cosine_W4"]])

# %%
assert sol.success and sol.stats["gradients"] < explicit.stats["gradients"] / 2
assert np.linalg.norm(sol.y[-1] - explicit.y[-1]) < 1e-2 * np.linalg.norm(explicit.y[-1])
distances = [ends.loc[name, "distance_to_flow"] for name in rates]
assert distances[0] > 1.7 * distances[1] > 1.7**2 * distances[2], distances
