# %% [markdown]
# # The first figure of the paper
#
# Linear networks of several depths under weight decay. The ansatz says that W₁ᵀW₁ is proportional to A_f^{1/L}, A_f the average gradient
# outer product. So the cosine of W₁ᵀW₁ and A_f^{α̃/L} should be largest at α̃ = 1, whatever the depth.

# %%
import numpy as np
import pandas as pd

import gramflow as gf


def scenario(depth):
    return {
        "name": f"depth-{depth}",
        "data": {
            "synthetic": {
                "inputs": {"dim": 10, "samples": 500},
                "target": {"low_rank": {"rank": 3, "outputs": 10, "singular_values": [3, 2, 1.5]}},
                "noise": 0.1,
            }
        },
        "network": {"widths": [10] * (depth + 1)},
        "init": {"gaussian": {"std": 0.316}},
        "weight_decay": 2e-3,
        "flow": {"t_end": 3000, "rtol": 1e-7, "atol": 1e-10},
        "record": {"log": {"points": 40, "first": 0.1}},
        "claims": ["balance-law", "peak"],
    }


runs = {depth: gf.run(scenario(depth)) for depth in (2, 3, 5)}

# %% [markdown]
# The best exponent at the end, and how far W₁ᵀW₁ is from the ansatz on the way there.

# %%
ends = {depth: run.records.iloc[-1] for depth, run in runs.items()}
found = pd.DataFrame(
    {depth: [end["nfa_peak"], end["nfa_cosine"], end["loss"]] for depth, end in ends.items()},
    index=["best exponent α̃", "cosine at α̃ = 1", "loss"],
)
print(found.round(4))

# %%
over_time = pd.concat({depth: run.records.set_index("t")["nfa_residual_relative"] for depth, run in runs.items()}, axis=1)
print(over_time.iloc[::8].map("{:.1e}".format))

# %% [markdown]
# The alignment over the exponent, at the recorded times. In a notebook this line shows the picture.

# %%
runs[5].plot("alignment")

# %%
for depth, run in runs.items():
    assert abs(ends[depth]["nfa_peak"] - 1) < 0.01
    assert run.verdicts["peak"]["verdict"] == run.verdicts["balance-law"]["verdict"] == "holds"
# Networks of 2 and 3 layers come there before the one with 5.
first_below = over_time.lt(0.1).idxmax()
assert first_below[2] < first_below[5] and first_below[3] < first_below[5], first_below
assert np.isfinite(found.to_numpy()).all()
