"""Many runs of one scenario: sweeps, studies of learning rates, and the figures of the paper."""

from __future__ import annotations

import html
import json
import operator
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from gramflow import _gramflow
from gramflow._picture import Picture
from gramflow._progress import bar
from gramflow._scenario import Scenario, given, in_files, memory

if TYPE_CHECKING:
    import pandas

Columns = dict[str, np.ndarray[Any, Any]]


def columns_of(path: Path) -> Columns:
    """The columns of a table that gramflow has written."""
    return {name: np.asarray(values) for name, values in _gramflow.read_table(path).items()}


def frame(columns: Columns) -> Union["pandas.DataFrame", Columns]:
    """A pandas.DataFrame where pandas is installed, else the columns themselves."""
    try:
        import pandas
    except ImportError:
        return columns
    return pandas.DataFrame(columns)


class Folder:
    """A folder of many runs and their results."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def pictures(self) -> list[str]:
        """The names of the pictures that were drawn."""
        return sorted({file.stem for file in (self.path / "figures").glob("*.*")})

    def plot(self, name: str, format: str = "svg") -> Picture:
        """A picture that was drawn, one of `pictures`.

        Raises:
            FileNotFoundError: if it was not drawn in this format.
        """
        return Picture(name, format, (self.path / "figures" / f"{name}.{format}").read_bytes())

    def _repr_html_(self) -> str:
        drawn = [self.plot(name).to_html() for name in self.pictures if (self.path / "figures" / f"{name}.svg").is_file()]
        return "".join([f"<div><p>{html.escape(repr(self))}</p>", *drawn, "</div>"])


class Sweep(Folder):
    """The finished units of a sweep, merged."""

    @cached_property
    def columns(self) -> Columns:
        """The records of all units: `unit`, the keys that vary, then the columns of a run."""
        return columns_of(self.path / "sweep.parquet")

    @cached_property
    def records(self) -> Union["pandas.DataFrame", Columns]:
        """The same as a pandas.DataFrame, where pandas is installed."""
        return frame(self.columns)

    @cached_property
    def verdicts(self) -> Union["pandas.DataFrame", Columns]:
        """A row for each unit and claim; empty where units make no claims."""
        path = self.path / "verdicts.parquet"
        return frame(columns_of(path) if path.is_file() else {})

    @cached_property
    def weights(self) -> dict[str, Any]:
        """The final weights of all units, if the scenario's `sweep.keep` names them; empty if not.

        `gd/W1` has shape (units, out, in), NaN in a unit that lacks it. `unit` has the ids, and each key that varies its values, in the same
        order. Arrays whose shape differs between units are not stacked: they are there once for each, as `<id>/gd/W1`.
        """
        return self._kept("weights")

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """The same for the matrices and spectra over time of a run."""
        return self._kept("arrays")

    @cached_property
    def trajectory(self) -> dict[str, Any]:
        """The same for θ at every record: `gd/W1` has shape (units, times, out, in)."""
        return self._kept("trajectory")

    def _kept(self, what: str) -> dict[str, Any]:
        path = self.path / f"{what}.npz"
        if not path.is_file():
            return {}
        with np.load(path) as loaded:
            return {name: loaded[name] for name in loaded.files}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`sweep.json`: what varies, how many units are done, which failed and why, which are missing, and their warnings."""
        loaded: dict[str, Any] = json.loads((self.path / "sweep.json").read_text(encoding="utf-8"))
        return loaded

    def __repr__(self) -> str:
        found = self.summary
        return f"<gramflow.Sweep {found['name']} ({found['done']} of {found['units']} units) in {self.path}>"


class Study(Folder):
    """A study of learning rates."""

    @cached_property
    def runs(self) -> Union["pandas.DataFrame", Columns]:
        """A row for each optimizer, batch, learning rate and seed."""
        return frame(columns_of(self.path / "study.parquet"))

    @cached_property
    def curves(self) -> Union["pandas.DataFrame", Columns]:
        """A row for each distance at each learning rate, over all seeds."""
        return frame(columns_of(self.path / "curves.parquet"))

    @cached_property
    def fits(self) -> Union["pandas.DataFrame", Columns]:
        """A row for each distance: the order at which it tends to 0 with the learning rate."""
        return frame(columns_of(self.path / "fits.parquet"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was studied, and what to know before trusting it."""
        loaded: dict[str, Any] = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        return loaded

    def __repr__(self) -> str:
        return f"<gramflow.Study of learning rates in {self.path}>"


def _jobs(jobs: int | None) -> int | None:
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise ValueError(f"jobs: must be a whole number of at least 1, got {jobs!r}")
    return jobs


def sweep(
    scenario: Scenario,
    out: str | os.PathLike[str] | None = None,
    *,
    jobs: int | None = None,
    set: Mapping[str, Any] | None = None,
    max_memory: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Run the units of a sweep that are not finished, merge all, and draw the sweep's pictures.

    Args:
        scenario: one with a `sweep:` block; arrays must lie in files. `{"sweep": {"keep": ["weights"], …}}` keeps the weights of every
            unit for `Sweep.weights`; `arrays` and `trajectory` likewise.
        out: the sweep's folder, as in `gramflow sweep run --out`; units finished there are not run again. The default is the
            command's: `runs/<name>-<hash>-sweep`.
        jobs: units at a time; by default one per core.

    Raises:
        ScenarioError: if a unit cannot be run.
        FileExistsError: if the folder belongs to something else.
        KeyboardInterrupt: on Ctrl-C; its attribute `run` is the sweep so far. The same call resumes it.
    """
    with given(scenario, set) as (it, files), bar(progress, "sweep") as show:
        in_files(files)
        path, stopped = _gramflow.sweep(it, None if out is None else os.fspath(out), _jobs(jobs), memory(max_memory), show)
    found = Sweep(Path(path))
    if stopped is not None:
        if isinstance(stopped, KeyboardInterrupt):
            stopped.run = found  # type: ignore[attr-defined]
        raise stopped
    return found


def study_lr(
    scenario: Scenario,
    lr: Sequence[float],
    out: str | os.PathLike[str] | None = None,
    *,
    optimizers: Sequence[str] = (),
    batch: Sequence[int | str] = (),
    seeds: int = 1,
    loss: float | None = None,
    ensemble: int | None = None,
    jobs: int | None = None,
    set: Mapping[str, Any] | None = None,
    max_memory: int | None = None,
    progress: bool | None = None,
) -> Study:
    """Measure how far optimizers are from the flow at many learning rates, and the order of that distance: `gramflow study lr`.

    Args:
        lr: the learning rates.
        out: the study's folder; units finished there are not run again.
        optimizers: names from the scenario, or `gd`, `adam`, …; by default those of the scenario, or gd.
        batch: batch sizes: numbers of samples, or `full`.
        seeds: the number of seeds of the minibatches at each rate.
        loss: count steps, gradients and seconds until the loss falls to this value.
        ensemble: the number of seeds, and of paths of the stochastic differential equations of order 1 and 2, over which the means of the
            objective and of ‖θ‖² at the last step are compared; without it they are not.

    Raises:
        ScenarioError: if the scenario cannot be run.
        ValueError: if the settings do not suit it.
        KeyboardInterrupt: on Ctrl-C. The same call resumes.
    """
    if isinstance(lr, str) or not np.iterable(lr):
        raise TypeError(f"lr: must be a list of learning rates, such as numpy.geomspace(1e-3, 0.1, 9), got {lr!r}")
    rates = sorted({float(rate) for rate in lr})
    if not rates or not all(0.0 < rate < np.inf for rate in rates):
        raise ValueError(f"lr: must be learning rates greater than 0, got {list(lr)}")
    if isinstance(optimizers, str) or isinstance(batch, str):
        raise TypeError("optimizers, batch: must be lists")
    count = None if ensemble is None else operator.index(ensemble)
    if count is not None and not 2 <= count <= 1_000_000_000:
        raise ValueError(f"ensemble: must be from 2 to 1_000_000_000, got {count}")
    with given(scenario, set) as (it, files), bar(progress, "study") as show:
        in_files(files)
        place = None if out is None else os.fspath(out)
        words, sizes = list(optimizers), [str(size) for size in batch]
        path, stopped = _gramflow.study_lr(
            it, rates, words, sizes, seeds, loss, count, place, _jobs(jobs), memory(max_memory), show
        )
    if stopped is not None:
        raise stopped
    assert path is not None
    return Study(Path(path))


def figures(
    names: Sequence[str] = (),
    out: str | os.PathLike[str] = "figures",
    *,
    scenarios: str | os.PathLike[str] = "scenarios/paper",
    runs: str | os.PathLike[str] = "runs/figures",
    jobs: int | None = None,
    max_memory: int | None = None,
    progress: bool | None = None,
) -> list[dict[str, Any]]:
    """Make the figures of the paper, or of other scenarios with `pictures:`, as `gramflow figures` does. Returns their manifests.

    Args:
        names: names of figures, or files of scenarios; by default all in the folder `scenarios`.
        out: where pictures, manifests and the table of claims go.
        scenarios: the folder of the figures' scenarios, in a clone of gramflow's repository.
        runs: the folder of their runs; units finished there are not run again.
        jobs: units to run side by side; by default one per core.

    Raises:
        FileNotFoundError: if there are no figures.
        KeyboardInterrupt: on Ctrl-C. The same call resumes.
    """
    if isinstance(names, str):
        raise TypeError("names: must be a list")
    with bar(progress, "figures") as show:
        text, stopped = _gramflow.figures(list(names), out, scenarios, runs, _jobs(jobs), memory(max_memory), show)
    if stopped is not None:
        raise stopped
    made: list[dict[str, Any]] = json.loads(text)
    return made
