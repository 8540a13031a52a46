"""Sweeps and studies of learning rates are those of the command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import gramflow as gf


@pytest.fixture
def grid(tiny: dict) -> dict:
    return {**tiny, "claims": ["converged"], "sweep": {"grid": {"weight_decay": [0.0, 0.1]}, "seeds": 2}}


def test_a_sweep_is_that_of_the_command(grid: dict, command: Path, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(gf.explain(grid))
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run([command, "--quiet", "sweep", "run", path, "--out", tmp_path / "command"], **quiet)
    subprocess.run([command, "--quiet", "sweep", "merge", tmp_path / "command"], **quiet)
    sweep = gf.sweep(path, tmp_path / "python", jobs=2)
    for file in ["sweep.parquet", "verdicts.parquet", "plan.json"]:
        assert (tmp_path / "python" / file).read_bytes() == (tmp_path / "command" / file).read_bytes(), file
    assert sweep.summary["done"] == 4 and sweep.summary["missing"] == []
    assert sweep.records.groupby(["weight_decay", "seed"]).ngroups == 4
    assert set(sweep.verdicts["claim"]) == {"converged"}
    assert "4 of 4 units" in repr(sweep) and repr(gf.load(tmp_path / "command")).startswith("<gramflow.Sweep")
    # Nothing is run twice: a unit's own folder stays as it is.
    before = sorted(file.stat().st_mtime_ns for file in (tmp_path / "python" / "units").rglob("manifest.json"))
    gf.sweep(path, tmp_path / "python")
    assert sorted(file.stat().st_mtime_ns for file in (tmp_path / "python" / "units").rglob("manifest.json")) == before


def test_units_of_different_depth_have_different_columns(tiny: dict, tmp_path: Path) -> None:
    sweep = gf.sweep({**tiny, "sweep": {"grid": {"network.widths": [[4, 3], [4, 5, 3]]}}}, tmp_path / "depths")
    gaps = sweep.columns["balance_gap_1"]
    deep = np.array([widths == "[4,5,3]" for widths in sweep.columns["network.widths"]])
    assert np.isnan(gaps[~deep]).all() and np.isfinite(gaps[deep]).all()


def test_weights_of_all_units_are_stacked(tiny: dict, tmp_path: Path) -> None:
    vary = {"grid": {"weight_decay": [0.0, 0.1], "init": ["pytorch", {"gaussian": {"std": 0.1}}]}, "keep": ["weights"]}
    sweep = gf.sweep({**tiny, "sweep": vary}, tmp_path / "kept")
    weights = sweep.weights
    ids = weights["unit"].tolist()
    assert ids == sorted(file.name for file in (tmp_path / "kept" / "units").iterdir()) and len(ids) == 4
    assert sorted(weights["weight_decay"]) == [0.0, 0.0, 0.1, 0.1]
    assert set(weights["init"]) == {"pytorch", '{"gaussian":{"std":0.1}}'}
    for place, unit in enumerate(ids):
        own = np.load(tmp_path / "kept" / "units" / unit / "weights.npz")
        assert all(np.array_equal(weights[name][place], own[name]) for name in own.files)
    assert sweep.arrays == {} and sweep.trajectory == {}


def test_wrong_sweeps_are_refused(tiny: dict, grid: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no `sweep`"):
        gf.sweep(tiny, tmp_path / "out")
    with pytest.raises(gf.ScenarioError) as caught:
        gf.sweep({**grid, "sweep": {"grid": {"flow.t_end": [1, -1]}}}, tmp_path / "out")
    assert caught.value.key == "flow.t_end"
    with pytest.raises(gf.ScenarioError) as caught:
        gf.sweep({**tiny, "sweep": {"grid": {"weigth_decay": [0.0, 0.1]}}}, tmp_path / "out")
    assert str(caught.value).count("did you mean `weight_decay`?") == 1, caught.value
    for lr in ["1e-3..0.1", 0.1]:
        with pytest.raises(TypeError, match="lr: must be a list of learning rates"):
            gf.study_lr(tiny, lr, tmp_path / "out")
    with pytest.raises(ValueError, match="jobs: must be"):
        gf.sweep(grid, tmp_path / "out", jobs=0)
    with pytest.raises(ValueError, match="its arrays must lie in a file here"):
        gf.sweep({**grid, "data": {"X": np.ones((5, 4)), "Y": np.ones((5, 3))}}, tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError):
        gf.sweep(grid, tmp_path / "other")


def test_ctrl_c_keeps_finished_units(endless: dict, tmp_path: Path, ctrl_c) -> None:
    pressing = ctrl_c(lambda: any((tmp_path / "out").glob("units/*/manifest.json")))
    with pytest.raises(KeyboardInterrupt) as caught:
        gf.sweep({**endless, "sweep": {"grid": {"optimizers": [[], [{"gd": {"lr": 1e-8}}]]}}}, tmp_path / "out", jobs=2)
    pressing.join()
    assert caught.value.run.summary["done"] == 1 and len(caught.value.run.summary["missing"]) == 1


def test_a_study_of_learning_rates_finds_the_order_of_gradient_descent(tiny: dict, tmp_path: Path) -> None:
    scenario = {**tiny, "optimizers": [{"gd": {"lr": 0.01}}], "flow": {"t_end": 2.0}}
    study = gf.study_lr(scenario, [0.01, 0.02, 0.04, 0.08], tmp_path / "study", jobs=2)
    fits = study.fits
    slope = fits[(fits["compared_with"] == "flow") & (fits["at"] == "end")]["slope"].iloc[0]
    assert slope == pytest.approx(1.0, abs=0.1)
    assert len(study.runs) == 4 and study.pictures and "<img" in study._repr_html_()
    assert isinstance(gf.load(tmp_path / "study"), gf.Study)
    with pytest.raises(ValueError, match="lr: must be"):
        gf.study_lr(scenario, [])
    with pytest.raises(ValueError, match="nonsense: not an optimizer"):
        gf.study_lr(scenario, [0.01], tmp_path / "study2", optimizers=["nonsense"])


def test_a_study_of_learning_rates_compares_expectations(tiny: dict, tmp_path: Path) -> None:
    sgd = {"sgd": {"lr": 0.01, "batch": 2, "replacement": True}}
    scenario = {**tiny, "optimizers": [sgd], "flow": {"t_end": 1.0}}
    study = gf.study_lr(scenario, [0.05, 0.1, 0.2], tmp_path / "study", ensemble=100)
    words = set(study.fits["compared_with"])
    assert {"sde_1_objective", "sde_1_norm_squared", "sde_2_objective", "sde_2_norm_squared"} <= words
    assert (tmp_path / "study" / "ensemble.parquet").is_file()
    with pytest.raises(ValueError, match="ensemble: must be from 2 to"):
        gf.study_lr(scenario, [0.05], tmp_path / "other", ensemble=1)


def test_figures_are_made_of_scenarios_with_pictures(grid: dict, tmp_path: Path) -> None:
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    pictures = [{"title": "Loss", "panels": [{"show": {"over_time": {"y": "loss"}}}]}]
    (scenarios / "tiny.yaml").write_text(gf.explain({**grid, "pictures": pictures}))
    places = {"scenarios": scenarios, "runs": tmp_path / "runs"}
    made = gf.figures(["tiny"], tmp_path / "figures", **places)
    assert [figure["figure"] for figure in made] == ["tiny"] and made[0]["units"]["done"] == 4
    assert (tmp_path / "figures" / "tiny.svg").is_file() and (tmp_path / "figures" / "claims.md").is_file()
    with pytest.raises(ValueError, match="there is no figure `nonsense`"):
        gf.figures(["nonsense"], tmp_path / "figures", **places)
    with pytest.raises(FileNotFoundError, match="no figures in"):
        gf.figures(scenarios=tmp_path / "nowhere")
