"""Gradient flow of deep networks, and real optimizers beside it.

>>> import gramflow as gf
>>> run = gf.run({
...     "name": "tiny",
...     "data": {"synthetic": {"inputs": {"dim": 4, "samples": 50}, "target": {"low_rank": {"rank": 2, "outputs": 3}}}},
...     "network": {"widths": [4, 5, 3]},
...     "init": {"balanced": {"scale": 0.1}},
...     "flow": {"t_end": 5.0},
... })
>>> bool((run.columns["nfa_residual_relative"] < 1e-6).all())  # from a balanced start the ansatz is exact
True
"""

from gramflow._compare import compare
from gramflow._flow import Solution, flow
from gramflow._gramflow import ScenarioError, __version__
from gramflow._jax import from_jax
from gramflow._layers import Layer
from gramflow._model import Model
from gramflow._picture import Picture
from gramflow._run import Run, load, run
from gramflow._scenario import check, columns, explain, schema
from gramflow._sweep import Study, Sweep, figures, study_lr, sweep
from gramflow._torch import from_torch

__all__ = [
    "Layer",
    "Model",
    "Picture",
    "Run",
    "ScenarioError",
    "Solution",
    "Study",
    "Sweep",
    "__version__",
    "check",
    "columns",
    "compare",
    "explain",
    "figures",
    "flow",
    "from_jax",
    "from_torch",
    "load",
    "run",
    "schema",
    "study_lr",
    "sweep",
]
