"""Models of PyTorch. (Runs where torch is installed.)"""

from __future__ import annotations

import numpy as np
import pytest
from twins import same

import gramflow as gf

torch = pytest.importorskip("torch")
# Waiting for each other, torch's threads would take longer than the work on a busy machine.
torch.set_num_threads(1)


@pytest.fixture
def tanh() -> dict:
    """A tanh network among those built into gramflow, with its data."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 5))
    y = np.tanh(x @ rng.normal(size=(5, 2)))
    weights = {"W1": rng.normal(size=(8, 5)) * 0.5, "b1": np.zeros(8), "W2": rng.normal(size=(2, 8)) * 0.5, "b2": np.zeros(2)}
    return {
        "name": "tanh",
        "data": {"X": x, "Y": y},
        "network": {"widths": [5, 8, 2], "activations": ["tanh", "identity"], "bias": True},
        "init": weights,
        "flow": {"t_end": 20.0, "rtol": 1.0e-7, "atol": 1.0e-10},
        "record": {"times": [0, 1, 5, 20], "weights": True},
    }


def module_of(scenario: dict) -> "torch.nn.Module":
    module = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    weights = scenario["init"]
    state = {"0.weight": weights["W1"], "0.bias": weights["b1"], "2.weight": weights["W2"], "2.bias": weights["b2"]}
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return module


def model_of(scenario: dict) -> gf.Model:
    x, y = scenario["data"]["X"], scenario["data"]["Y"]
    return gf.from_torch(module_of(scenario), lambda f, y: 0.5 * ((f - y) ** 2).sum(dim=1).mean(), (x, y))


@pytest.mark.parametrize("integrator", ["tsit5", "dp8", "rk6", "rock4"])
def test_the_built_in_network_and_its_torch_twin_take_the_same_course(tanh: dict, integrator: str) -> None:
    tanh["flow"]["integrator"] = integrator
    run, model = gf.run(tanh), model_of(tanh)
    sol = gf.flow(model, t_end=20.0, rtol=1e-7, atol=1e-10, t_eval=[0, 1, 5, 20], integrator=integrator)
    for row, theta in enumerate(sol.y):
        parts = model.unflatten(theta)
        for name, own in [("0.weight", "W1"), ("0.bias", "b1"), ("2.weight", "W2"), ("2.bias", "b2")]:
            there = run.trajectory[f"flow/{own}"][row]
            assert np.linalg.norm(parts[name] - there) <= 10 * 1e-7 * max(1.0, np.linalg.norm(there)), (row, name)
    taken = run.manifest["processes"]["flow"]["gradients"]
    assert abs(sol.stats["gradients"] - taken) <= 0.05 * taken, (sol.stats, taken)


def test_hessian_products_are_those_of_differences(tanh: dict) -> None:
    model = model_of(tanh)
    v = np.random.default_rng(0).normal(size=model.theta0.shape)
    h = 1e-5
    slopes = [model.value_and_grad(model.theta0 + sign * h * v)[1] for sign in (1, -1)]
    by_differences = (slopes[0] - slopes[1]) / (2 * h)
    assert np.linalg.norm(model.hvp(model.theta0, v) - by_differences) < 1e-7 * np.linalg.norm(by_differences)


def test_a_transformer_block_beside_adam() -> None:
    torch.manual_seed(0)
    block = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
    x = torch.randn(16, 4, 8)
    model = gf.from_torch(block, lambda f, y: ((f - y) ** 2).mean(), (x, torch.roll(x, 1, dims=1)))
    run = gf.compare(model, [{"adam": {"lr": 0.01}}, {"gd": {"lr": 0.05}}], t_end=0.2, rtol=1e-3, record={"linear": {"points": 3}})
    frame = run.records
    assert (frame.groupby("process")["loss"].last() < frame["loss"].iloc[0]).all()
    assert not any("differences" in warning for warning in run.warnings)


def test_frozen_parameters_keep_their_values() -> None:
    """As torch.optim leaves parameters alone that do not require gradients, weight decay included."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    module[0].requires_grad_(False)
    x, y = torch.randn(20, 5).double(), torch.randn(20, 2).double()
    model = gf.from_torch(module, lambda f, y: ((f - y) ** 2).mean(), (x, y))
    assert list(model.unflatten(model.theta0)) == ["2.weight", "2.bias"]
    run = gf.compare(model, [{"gd": {"lr": 0.1, "steps": 10}}], t_end=1.0, weight_decay=0.1)
    step = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(10):
        step.zero_grad()
        ((module(x) - y) ** 2).mean().backward()
        step.step()
    ends = model.unflatten(run.weights["gd/theta"])
    for name in ["2.weight", "2.bias"]:
        assert np.allclose(ends[name], module.state_dict()[name].numpy(), rtol=1e-12, atol=1e-14), name
    module.requires_grad_(False)
    with pytest.raises(ValueError, match="has no parameters with requires_grad"):
        gf.from_torch(module, lambda f, y: ((f - y) ** 2).mean(), (x, y))


def test_what_is_no_model_is_refused() -> None:
    x = torch.ones(3, 5)
    with pytest.raises(ValueError, match="module: has no parameters"):
        gf.from_torch(torch.nn.ReLU(), lambda f, y: f.sum(), (x, x))
    with pytest.raises(TypeError, match=r"data: must be \(X, Y\)"):
        gf.from_torch(torch.nn.Linear(5, 1), lambda f, y: f.sum(), x)
    with pytest.raises(ValueError, match="loss: must return one number"):
        gf.flow(gf.from_torch(torch.nn.Linear(5, 1), lambda f, y: f, (x, x)))


def test_parameters_without_requires_grad_stay_as_they_are() -> None:
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    module[0].requires_grad_(False)
    x = torch.randn(20, 5)
    model = gf.from_torch(module, torch.nn.MSELoss(), (x, x[:, :2]))
    assert model.parts == {"2.weight": (2, 4), "2.bias": (2,)}
    # The twin that has only the second layer, on the outputs of the first.
    hidden = module[:2].double()(x.double()).detach()
    twin = gf.from_torch(module[2:], torch.nn.MSELoss(), (hidden, x[:, :2]))
    ends = [gf.flow(flow, t_end=2.0).y[-1] for flow in (model, twin)]
    assert np.allclose(*ends, rtol=1e-9) and not np.allclose(ends[0], model.theta0, rtol=1e-2)
    module.requires_grad_(False)
    with pytest.raises(ValueError, match="module: has no parameters with requires_grad"):
        gf.from_torch(module, torch.nn.MSELoss(), (x, x[:, :2]))


def test_a_random_module_is_refused_with_the_remedy() -> None:
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))
    x = torch.randn(20, 5)
    with pytest.raises(ValueError, match=r"another gradient at each call .*: call module.eval\(\) where it has dropout"):
        gf.from_torch(module, torch.nn.MSELoss(), (x, x[:, :2]))
    assert gf.flow(gf.from_torch(module.eval(), torch.nn.MSELoss(), (x, x[:, :2])), t_end=0.1).success
    with pytest.raises(TypeError, match="module: must be a torch.nn.Module, got function"):
        gf.from_torch(lambda x: x, torch.nn.MSELoss(), (x, x))


def test_the_built_in_network_and_its_torch_twin_have_the_same_columns(tanh: dict) -> None:
    tanh = {**tanh, "optimizers": [{"gd": {"lr": 0.05}}], "weight_decay": 0.01, "flow": {"t_end": 5.0}, "record": {"times": [0, 1, 5]}}
    built_in = gf.run(tanh)
    own = gf.compare(
        model_of(tanh),
        [{"gd": {"lr": 0.05}}],
        5.0,
        layers=[gf.Layer("0", activation="tanh"), "2"],
        weight_decay=0.01,
        record={"times": [0, 1, 5]},
    )
    assert not np.isnan(built_in.columns["nfa_cosine_jacobian_centred"]).any()
    assert same(built_in, own, floor=1e-12) >= 20
    assert np.allclose(own.weights["gd/W1"], built_in.weights["gd/W1"], rtol=1e-11)


def test_layers_that_have_no_jacobians_are_refused() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, 4)
    model = gf.from_torch(torch.nn.Linear(4, 2), lambda f, y: (f**2).mean(), (x, x))
    with pytest.raises(ValueError, match="layers: 'weight' must be the weight of a module that is called once"):
        gf.compare(model, t_end=0.1, layers=["weight"])
