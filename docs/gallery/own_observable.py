# %% [markdown]
# # A column of your own
#
# `observe` takes functions of the weights and the time. Here: how much of the first layer lies in the subspace that the target depends on.

# %%
import numpy as np

import gramflow as gf

rng = np.random.default_rng(1)
X = rng.normal(size=(200, 8))
subspace = np.linalg.qr(rng.normal(size=(8, 2)))[0]
Y = np.tanh(X @ subspace) @ rng.normal(size=(2, 1))


def share_in_subspace(theta, t):
    """‖W₁P‖²/‖W₁‖², P the projection onto the directions that the target depends on."""
    return np.linalg.norm(theta["W1"] @ subspace) ** 2 / np.linalg.norm(theta["W1"]) ** 2


run = gf.run(
    {
        "name": "subspace",
        "data": {"X": X, "Y": Y},
        "network": {"widths": [8, 16, 1], "activations": ["tanh", "identity"], "bias": True},
        "weight_decay": 1e-3,
        "flow": {"t_end": 300, "rtol": 1e-6, "atol": 1e-9},
        "optimizers": [{"gd": {"lr": 0.1}}, {"adam": {"lr": 0.01}}],
    },
    observe={"share_in_subspace": share_in_subspace},
)

# %% [markdown]
# It stands beside the built-in columns, for the flow and for every optimizer. On the common clock Adam, whose steps do not shrink with the
# gradient, leaves the other directions long before the flow does; gradient descent stays with the flow.

# %%
columns = ["t", "loss", "share_in_subspace", "nfa_cosine"]
print(run.records.groupby("process", sort=False)[columns].last().round(4))

# %%
share = run.records.groupby("process")["share_in_subspace"]
first, last = share.first(), share.last()
assert (first < 0.4).all() and (last > first + 0.2).all(), (first, last)
assert abs(last["gd"] - last["flow"]) < 0.01 and last["flow"] < 0.8 < 0.99 < last["adam"], last
