"""Runs from Python are those of the command."""

from __future__ import annotations

import builtins
import copy
import hashlib
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

import gramflow as gf

# Every bundled scenario that is a single run, cut short where it would take long.
BUNDLED = {
    "quickstart": {},
    "counterexample": {},
    "depth5-balanced": {"flow.t_end": 100},
    "depth5-decay": {"flow.t_end": 100},
    "no-decay": {"flow.t_end": 100},
}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", BUNDLED)
def test_records_equal_the_commands_bit_for_bit(name: str, scenarios: Path, command: Path, tmp_path: Path) -> None:
    scenario = scenarios / f"{name}.yaml"
    sets = [f"--set={key}={value}" for key, value in BUNDLED[name].items()]
    arguments = [command, "--quiet", "run", scenario, *sets, "--out", tmp_path / "command"]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    run = gf.run(scenario, set=BUNDLED[name])
    run.save(tmp_path / "python")
    for file in ["records.parquet", "arrays.npz", "weights.npz", "scenario.json"]:
        assert digest(tmp_path / "python" / file) == digest(tmp_path / "command" / file), file
    figures = sorted(path.name for path in (tmp_path / "command" / "figures").iterdir())
    assert sorted(path.name for path in (tmp_path / "python" / "figures").iterdir()) == figures
    loaded = gf.load(tmp_path / "command")
    assert all(np.array_equal(loaded.columns[key], run.columns[key], equal_nan=key != "process") for key in run.columns)
    assert loaded.verdicts == run.verdicts and loaded.warnings == run.warnings


def test_dict_text_and_path_are_the_same_scenario(tiny: dict, tmp_path: Path) -> None:
    text = gf.explain(tiny)
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    losses = [gf.run(scenario).columns["loss"] for scenario in (tiny, text, path, str(path))]
    assert all(np.array_equal(losses[0], other) for other in losses[1:])


def test_set_replaces_values(tiny: dict) -> None:
    run = gf.run(tiny, set={"flow.t_end": 2.0, "optimizers": [{"gd": {"lr": 0.5}}], "record": {"times": [0, 1, 2]}})
    assert run.records["t"].max() == 2.0
    assert list(run.records["process"].unique()) == ["flow", "gd"]
    assert run.scenario["record"]["times"] == [0.0, 1.0, 2.0]


def test_records_are_what_the_table_holds(tiny: dict) -> None:
    run = gf.run(tiny, set={"record.weights": True, "claims": ["nfa-exact"]})
    assert list(run.columns)[:3] == ["process", "step", "t"] and run.columns["step"].dtype == np.int64
    frame = run.records
    assert frame["loss"].iloc[-1] < frame["loss"].iloc[0]
    assert run.weights["flow/W1"].shape == (5, 4)
    assert run.trajectory["flow/W1"].shape == (len(frame), 5, 4)
    assert np.array_equal(run.trajectory["flow/W1"][-1], run.weights["flow/W1"])
    assert run.verdicts["nfa-exact"]["verdict"] == "holds"
    assert gf.run(tiny).trajectory is None
    polars = run.to_polars()
    assert polars.shape == frame.shape and polars["loss"].to_numpy().tolist() == frame["loss"].tolist()


def test_without_pandas_records_are_numpy_columns(tiny: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    run = gf.run(tiny)
    assert run.records is run.columns


def test_arrays_in_a_dict_stand_for_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    y = x @ rng.normal(size=(4, 2))
    weights = {"W1": rng.normal(size=(3, 4)) * 0.5, "W2": rng.normal(size=(2, 3)) * 0.5}
    scenario = {
        "name": "arrays",
        # float32, and in Fortran order.
        "data": {"X": np.asfortranarray(x), "Y": y.astype(np.float32)},
        "network": {"widths": [4, 3, 2]},
        "init": weights,
        "flow": {"t_end": 3},
    }
    run = gf.run(scenario)
    by_hand = np.sum((x @ weights["W1"].T @ weights["W2"].T - y.astype(np.float32)) ** 2) / (2 * len(x))
    assert run.columns["loss"][0] == pytest.approx(by_hand, rel=1e-13)

    np.savez(tmp_path / "data.npz", X=x, Y=y.astype(np.float32))
    np.savez(tmp_path / "w.npz", **weights)
    files = {**scenario, "data": {"file": {"path": tmp_path / "data.npz"}}, "init": {"file": {"path": tmp_path / "w.npz"}}}
    assert np.array_equal(gf.run(files).columns["loss"], run.columns["loss"])

    # What was saved runs again by itself, with its arrays beside it.
    folder = run.save(tmp_path / "saved", pictures=False)
    again = gf.run(folder / "scenario.json")
    assert np.array_equal(again.columns["loss"], run.columns["loss"])
    assert again.manifest["scenario_hash"] == run.manifest["scenario_hash"]


def test_wrong_arrays_are_refused_by_name(tiny: dict) -> None:
    for data, error, message in [
        ({"X": np.full((5, 4), 1j), "Y": np.ones((5, 3))}, TypeError, r"data\['X'\]: must be an array of real numbers"),
        ({"X": np.ones((5, 3)), "Y": np.ones((5, 3))}, gf.ScenarioError, "X has 3 columns"),
        ({"X": np.full((5, 4), np.nan), "Y": np.ones((5, 3))}, gf.ScenarioError, "X"),
        ({"X": np.ones((5, 4)), "Y": np.ones((4, 3))}, gf.ScenarioError, "Y"),
        ({"X": np.ones((5, 4)), "path": "x.npz"}, ValueError, "data: holds the arrays X and a path"),
    ]:
        with pytest.raises(error, match=message):
            gf.run({**tiny, "data": data})
    x, y = np.ones((5, 4)), np.ones((5, 3))
    for given, key, message in [
        ({"data": {"X": x[:, :3], "Y": y}}, "data.X", "X has 3 columns"),
        ({"data": {"X": np.where(np.arange(20).reshape(5, 4) == 6, np.nan, x), "Y": y}}, "data.X", "`X`[1, 2] is NaN: fill in"),
        ({"data": {"X": x, "Y": y * np.inf}}, "data.Y", "`Y`[0, 0] is inf: all entries must be finite"),
        ({"data": {"file": {"X": x}}}, "data.file.Y", "there is no array `Y`"),
        ({"data": {"X": x, "Y": y, "X_test": x[:, :2], "Y_test": y}}, "data.X_test", "`X_test` has 2 columns"),
        ({"data": {"X": x, "Y": y, "whiten": True}}, "data.X", "`X`: the inputs span"),
        ({"init": {"W1": np.ones((4, 4)), "W2": np.ones((3, 5))}}, "init.W1", "`W1` has shape"),
        ({"init": {"W1": np.ones((5, 4))}}, "init.W2", "there is no array `W2`"),
    ]:
        with pytest.raises(gf.ScenarioError) as caught:
            gf.run({**tiny, **given})
        error = caught.value
        assert error.key == key and error.message.startswith(message), (error.key, error.message)
        assert error.problems[0]["key"] == key and error.problems[0]["message"] == error.message
        assert str(error) == f"{key}: {error.message}"
    for given, message in [
        ({"data": {"x": x, "y": y}}, "data: no array is called 'x' here: give X and Y"),
        ({"data": {"X": x, "Y": y, "Z": y}}, "data: no array is called 'Z' here"),
        ({"init": {"w1": np.ones((5, 4))}}, "init: no array is called 'w1' here: give W1, W2"),
    ]:
        with pytest.raises(ValueError, match=message):
            gf.run({**tiny, **given})
    # What stands beside the arrays is not dropped.
    with pytest.raises(gf.ScenarioError, match="one key expected here"):
        gf.run({**tiny, "data": {"file": {"X": x, "Y": y}, "whiten": True}})
    # Other problems keep their keys.
    with pytest.raises(gf.ScenarioError) as caught:
        gf.run({**tiny, "data": {"X": x, "Y": y}, "flow": {"t_end": -5.0}})
    assert caught.value.key == "flow.t_end"
    with pytest.raises(TypeError, match="flow.t_end: must be a number"):
        gf.run({**tiny, "flow": {"t_end": object()}})
    with pytest.raises(TypeError, match="scenario: must be a dict, YAML text or a path, got int"):
        gf.run(3)


def test_errors_say_where(tiny: dict, tmp_path: Path) -> None:
    with pytest.raises(gf.ScenarioError) as caught:
        gf.run("name: tiny\nflow: {t_end: -1}\n")
    assert caught.value.line is not None and caught.value.key and isinstance(caught.value, ValueError)
    path = tmp_path / "wrong.yaml"
    path.write_text(gf.explain(tiny).replace("t_end: 5.0", "t_end: -5.0"))
    with pytest.raises(gf.ScenarioError) as caught:
        gf.run(path)
    error = caught.value
    lines = path.read_text().splitlines()
    assert error.key == "flow.t_end" and "t_end" in lines[error.line - 1] and error.column > 1
    assert str(path) in str(error)
    # A dict has no lines.
    with pytest.raises(gf.ScenarioError) as caught:
        gf.run({**tiny, "flow": {"t_end": -5.0}})
    assert (caught.value.key, caught.value.line) == ("flow.t_end", None)
    assert str(caught.value).startswith("flow.t_end: must be")
    with pytest.raises(gf.ScenarioError, match="set: flow.rtol=0"):
        gf.run(tiny, set={"flow.rtol": 0})
    with pytest.raises(FileNotFoundError):
        gf.run(tmp_path / "nowhere.yaml")
    with pytest.raises(gf.ScenarioError, match="memory"):
        gf.run(tiny, max_memory=1000)


def test_folders_are_kept_safe(tiny: dict, tmp_path: Path) -> None:
    run = gf.run(tiny)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("")
    with pytest.raises(FileExistsError):
        run.save(tmp_path / "thesis")
    assert run.save(tmp_path / "run") == run.save(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere: name the folder of a run"):
        gf.load(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="choose another out$"):
        run.save(tmp_path / "thesis")
    with pytest.raises(TypeError, match="max_memory: must be a whole number of bytes, such as .*, got '1GB'"):
        gf.run(tiny, max_memory="1GB")
    with pytest.raises(gf.ScenarioError, match="allow more with max_memory"):
        gf.run(tiny, max_memory=10)
    with pytest.raises(gf.ScenarioError, match="this scenario is a sweep: gramflow.sweep runs its units"):
        gf.run({**tiny, "sweep": {"seeds": 2}})
    with pytest.raises(ValueError, match="not a run folder"):
        gf.load(tmp_path / "thesis")


def test_check_explain_schema_and_columns(tiny: dict) -> None:
    assert gf.check(tiny) == "tiny (35 parameters)"
    sweep = {**tiny, "sweep": {"grid": {"weight_decay": [0, 0.1, 0.2]}, "seeds": 2}}
    assert gf.check(sweep) == "tiny (6 units)"
    assert "rtol: 1.0e-8" in gf.explain(tiny) and "sweep:" in gf.explain(sweep)
    with pytest.raises(gf.ScenarioError, match="sweep"):
        gf.run(sweep)
    assert "network" in gf.schema()["properties"]
    assert {column["name"] for column in gf.columns("balance_gap*")} > {"balance_gap"}
    with pytest.raises(ValueError, match="its arrays must lie in a file here"):
        gf.explain({**tiny, "data": {"X": np.ones((5, 4)), "Y": np.ones((5, 3))}})
    with pytest.raises(ValueError, match="no column matches"):
        gf.columns("nonsense")


def test_pictures_show_themselves(tiny: dict, tmp_path: Path) -> None:
    run = gf.run(tiny)
    assert "loss" in run.pictures
    picture = run.plot("loss")
    bundle = picture._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg") or "<svg" in bundle["image/svg+xml"]
    assert run.plot("loss", format="png").data.startswith(b"\x89PNG")
    assert run.plot("loss", format="pdf").data.startswith(b"%PDF")
    # The same picture as in the folder.
    run.save(tmp_path / "run")
    assert picture.data == (tmp_path / "run" / "figures" / "loss.svg").read_bytes()
    assert picture.save(tmp_path / "loss.svg").read_bytes() == picture.data
    with pytest.raises(KeyError, match="no picture `nonsense`"):
        run.plot("nonsense")
    with pytest.raises(ValueError, match="format"):
        run.plot("loss", format="gif")
    # What the name promises is what the file holds.
    for name in ["loss.jpg", "loss.PNG", "loss.pdf"]:
        with pytest.raises(ValueError, match="the picture is in the format svg: call it loss.svg"):
            picture.save(tmp_path / name)
        assert not (tmp_path / name).exists()
    assert picture.save(tmp_path / "loss.2").read_bytes() == picture.data
    page = run._repr_html_()
    assert "flow" in page and page.count("data:image/svg+xml;base64,") == len(run.pictures)


def test_runs_can_be_pickled_and_copied(tiny: dict, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    run = gf.run({**tiny, "data": {"X": x, "Y": x[:, :3]}, "init": "pytorch"}, set={"record.weights": True})
    for copied in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run)):
        assert copied.manifest == run.manifest and copied.scenario == run.scenario
        assert all(np.array_equal(copied.columns[key], run.columns[key], equal_nan=key != "process") for key in run.columns)
        for name in ("arrays", "weights", "trajectory"):
            ours, theirs = getattr(run, name), getattr(copied, name)
            assert ours.keys() == theirs.keys()
            assert all(np.array_equal(ours[key], theirs[key], equal_nan=True) for key in ours)
        assert copied.plot("loss").data == run.plot("loss").data
        copied.save(tmp_path / "copy", pictures=False)
        assert gf.run(tmp_path / "copy" / "scenario.json").columns["loss"][-1] == run.columns["loss"][-1]
    error = pickle.loads(pickle.dumps(pytest.raises(gf.ScenarioError, gf.run, {**tiny, "seed": -1}).value))
    assert error.key == "seed"


def test_progress_is_told_up_to_the_end(tiny: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    from gramflow import _progress

    with pytest.raises(ImportError, match="tqdm"):
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
        gf.run(tiny, progress=True)
    with _progress.bar(None, "run") as show:
        assert show is None
