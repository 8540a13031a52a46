# %% [markdown]
# # How far Adam is from its continuous limit, on a transformer block
#
# Adam with learning rate η steps on the clock t = kη. As η → 0 it follows a flow of its own, with averages of the gradient as part of its state
# (`measure: limit`). How does the distance to this flow depend on η, for a block of attention and MLP?

# %%
import numpy as np
import torch

import gramflow as gf

torch.manual_seed(0)
torch.set_num_threads(1)
block = torch.nn.TransformerEncoderLayer(16, nhead=2, dim_feedforward=48, dropout=0.0, activation="gelu", batch_first=True)
tokens = torch.randn(8, 5, 16)
# Each position is to say what stood before it.
model = gf.from_torch(block, lambda output, wanted: ((output - wanted) ** 2).mean(), (tokens, torch.roll(tokens, 1, dims=1)))
print(f"{model.theta0.size} parameters")

# %%
rates = {"adam-large": 0.004, "adam-middle": 0.002, "adam-small": 0.001}
run = gf.compare(
    model,
    [{"adam": {"name": name, "lr": lr}} for name, lr in rates.items()],
    t_end=0.04,
    rtol=1e-4,
    atol=1e-7,
    record={"linear": {"points": 5}},
    measure=["limit"],
)

# %% [markdown]
# The distance halves with the learning rate: Adam is of order 1. The distance to gradient flow does not: they are different flows.

# %%
ends = run.records.groupby("process").last()
for name, lr in rates.items():
    end = ends.loc[name]
    print(f"lr {lr}: loss {end['loss']:.4f}, to its limit {end['distance_to_limit']:.2e}, to the flow {end['distance_to_flow']:.2e}")

# %%
limit = [ends.loc[name, "distance_to_limit"] for name in rates]
order = np.polyfit(np.log(list(rates.values())), np.log(limit), 1)[0]
print(f"order {order:.2f}")
assert 0.7 < order < 1.3
