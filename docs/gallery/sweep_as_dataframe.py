# %% [markdown]
# # A sweep as a DataFrame
#
# Without weight decay nothing balances the layers, and the ansatz stays off. With it the residual falls as e^{−2λt}, or faster.

# %%
import gramflow as gf

sweep = gf.sweep(
    {
        "name": "decay",
        "data": {"synthetic": {"inputs": {"dim": 8, "samples": 200}, "target": {"low_rank": {"rank": 2, "outputs": 4}}}},
        "network": {"widths": [8, 8, 4]},
        "init": "pytorch",
        "flow": {"t_end": 400, "rtol": 1e-7, "atol": 1e-10},
        "record": {"linear": {"points": 21}},
        "sweep": {"grid": {"weight_decay": [0, 3e-3, 1e-2]}, "seeds": 3},
    },
    "runs/decay",
)
print(sweep)

# %% [markdown]
# `sweep.records` has a row for each unit, process and time; the keys that vary are columns.

# %%
frame = sweep.records
median = frame.pivot_table(index="t", columns="weight_decay", values="nfa_residual", aggfunc="median")
print(median.iloc[::4].map("{:.1e}".format))

# %% [markdown]
# The same call goes on where it was interrupted, and runs no unit twice. `gf.load("runs/decay")` reads the folder again.

# %%
assert gf.load("runs/decay").records.equals(frame) and len(frame) == 9 * 21
assert median[0.0].iloc[-1] > 0.1 * median[0.0].iloc[0]
for decay in (3e-3, 1e-2):
    # From the middle on, when the fit has settled.
    fall = median[decay].iloc[-1] / median[decay].iloc[10]
    assert fall < 2 * 2.718281828 ** (-2 * decay * 200), (decay, fall)
