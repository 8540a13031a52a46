"""One run: the flow and optimizers side by side."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from gramflow import _gramflow
from gramflow._model import Array, check_callable
from gramflow._picture import Picture
from gramflow._progress import bar
from gramflow._scenario import Scenario, given, memory
from gramflow._sweep import Study, Sweep

if TYPE_CHECKING:
    import pandas
    import polars

class Run:
    """The results of a run: records, arrays, weights, verdicts, warnings and the manifest, all in memory.

    In a notebook it shows itself: its processes, verdicts, warnings and pictures. It can be pickled and copied.
    """

    def __init__(self, raw: _gramflow.RawRun) -> None:
        self._raw = raw

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self._raw.name

    @property
    def caption(self) -> str:
        """One line that says what was run."""
        return self._raw.caption

    @cached_property
    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """The records as NumPy columns, by name: one row per process and recorded time, NaN where a quantity is not defined.

        `process` is of text, counts are int64, the rest is float64. `gf.columns()` says what each column is.
        """
        table: dict[str, Any] = self._raw.table()
        return {name: np.asarray(values) for name, values in table.items()}

    @cached_property
    def records(self) -> Union["pandas.DataFrame", dict[str, np.ndarray[Any, Any]]]:
        """The records as a pandas.DataFrame; without pandas the NumPy columns of `Run.columns`."""
        try:
            import pandas
        except ImportError:
            return self.columns
        return pandas.DataFrame(self.columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The records as Arrow arrays, null where a quantity is not defined, by the Arrow PyCapsule interface: what `polars.DataFrame(run)`,
        `pyarrow.table(run)` and DuckDB read. Numbers are shared, not copied. The requested schema is not heeded, which the interface allows.
        """
        return self._raw.arrow()

    def to_polars(self) -> "polars.DataFrame":
        """The records as a polars.DataFrame, null where a quantity is not defined."""
        import polars

        return polars.DataFrame(self)

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Matrices and spectra over time by `process/name`, such as `flow/t` and `flow/sv_W1`."""
        return self._raw.arrays()

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The final weights by `process/W1`, …, each of shape (out, in), and `process/b1`, … of shape (out,)."""
        return self._raw.weights()

    @cached_property
    def trajectory(self) -> dict[str, Array] | None:
        """θ at every record by `process/W1` of shape (times, out, in), with `process/t`; None unless `record.weights` is set."""
        return self._raw.trajectory()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """`manifest.json` of a run folder: versions, seed, host, verdicts, warnings, and what each process cost."""
        loaded: dict[str, Any] = json.loads(self._raw.manifest())
        return loaded

    @property
    def verdicts(self) -> dict[str, Any]:
        """The verdict on each claim of the scenario, by the claim's name."""
        verdicts: dict[str, Any] = self.manifest["verdicts"]
        return verdicts

    @property
    def warnings(self) -> list[str]:
        """What to know before trusting the records."""
        warnings: list[str] = self.manifest["warnings"]
        return warnings

    @property
    def scenario(self) -> dict[str, Any] | None:
        """The scenario with every default filled in; None for a model of your own."""
        text = self._raw.scenario()
        return None if text is None else json.loads(text)

    @property
    def pictures(self) -> list[str]:
        """The names of the pictures that `plot` draws."""
        return self._raw.pictures()

    def plot(self, name: str, format: str = "svg") -> Picture:
        """Draw a picture, one of `Run.pictures`.

        Args:
            format: `svg`, `png` or `pdf`.

        Raises:
            KeyError: if the records have nothing for such a picture.
        """
        return Picture(name, format, self._raw.draw(name, format))

    def save(self, folder: str | os.PathLike[str], *, pictures: bool = True) -> Path:
        """Save a run folder, as `gramflow run` writes one; an earlier run there is replaced. Returns its path.

        Args:
            pictures: whether to draw all pictures into it.

        Raises:
            FileExistsError: if something else is there.
        """
        return Path(self._raw.save(os.fspath(folder), pictures))

    def __repr__(self) -> str:
        ends = ", ".join(f"{name}: {process['termination']}" for name, process in self.manifest["processes"].items())
        return f"<gramflow.Run {self.name} ({ends})>"

    def _repr_html_(self) -> str:
        return "".join(["<div>", *_page(self), "</div>"])

    def __getstate__(self) -> dict[str, Any]:
        return {"_raw": self._raw}


def _row(cells: list[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _page(run: Run) -> list[str]:
    parts = [f"<p><b>{html.escape(run.name)}</b> {html.escape(run.caption)}</p><table>"]
    parts.append(_row(["process", "steps", "gradients", "seconds", "ended", "at t"], "th"))
    for name, process in run.manifest["processes"].items():
        steps, gradients = process["steps_accepted"], process["gradients"]
        ended, t = process["termination"], process["t_reached"]
        parts.append(_row([name, f"{steps}", f"{gradients}", f"{process['wall_seconds']:.3g}", ended, f"{t:.6g}"]))
    parts.append("</table>")
    if run.verdicts:
        parts.append("<table>" + _row(["claim", "verdict", "statement"], "th"))
        parts.extend(_row([claim, found["verdict"], found["statement"]]) for claim, found in run.verdicts.items())
        parts.append("</table>")
    parts.extend(f"<p>warning: {html.escape(warning)}</p>" for warning in run.warnings)
    for index, name in enumerate(run.pictures):
        opened = " open" if index == 0 else ""
        parts.append(f"<details{opened}><summary>{html.escape(name)}</summary>{run.plot(name).to_html()}</details>")
    return parts


def run(
    scenario: Scenario,
    *,
    set: Mapping[str, Any] | None = None,
    observe: Mapping[str, Callable[[dict[str, Array], float], Any]] | None = None,
    max_memory: int | None = None,
    progress: bool | None = None,
) -> Run:
    """Integrate the flow of a scenario and step its optimizers beside it: the records of `gramflow run`, bit for bit.

    Args:
        scenario: a dict, YAML text, or the path of a file. In a dict arrays stand for files:
            `data={"X": X, "Y": Y}`, `init={"W1": W1, "W2": W2}`.
        set: values to replace, by their paths: `{"flow.rtol": 1e-10}`.
        observe: columns of your own: functions f(θ, t) that return a number, θ a dict of the arrays `W1`, `b1`, … at time t. They are
            called on a thread of the run's own.
        max_memory: bytes that the run may take; one that is estimated to need more is refused. The default is free memory.
        progress: whether to show a progress bar; by default in notebooks with tqdm.

    Raises:
        ScenarioError: if the scenario cannot be run.
        KeyboardInterrupt: on Ctrl-C; its attribute `run` is what was recorded until then.
    """
    own = observables(observe)
    with given(scenario, set) as (it, files), bar(progress, "run") as show:
        raw, stopped = _gramflow.run(it, files, own, memory(max_memory), show)
    return finished(Run(raw), stopped)


def observables(observe: Mapping[str, Callable[..., Any]] | None) -> dict[str, Callable[..., Any]]:
    """The functions of one's own columns, by the columns' names."""
    if observe is None:
        return {}
    if not isinstance(observe, Mapping):
        raise TypeError(f"observe: must be a dict of functions by the names of their columns, got {type(observe).__name__}")
    for column, function in observe.items():
        if not isinstance(column, str):
            raise TypeError(f"observe: the name of a column must be text, got {column!r}")
        check_callable(function, f"observe[{column!r}]")
    return dict(observe)


def finished(run: Run, stopped: BaseException | None) -> Run:
    """Return the run, or raise what stopped it, if anything did."""
    if stopped is None:
        return run
    if isinstance(stopped, KeyboardInterrupt):
        stopped.run = run  # type: ignore[attr-defined]
    raise stopped


def load(folder: str | os.PathLike[str]) -> Run | Sweep | Study:
    """What lies in a folder that gramflow has written: a run, a sweep (merged again) or a study of learning rates.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it is none of these.
    """
    path = Path(folder)
    if not path.exists():
        raise FileNotFoundError(f"there is no folder {path}: name the folder of a run, a sweep or a study of learning rates")
    if (path / "curves.parquet").is_file():
        return Study(path)
    if (path / "plan.json").is_file():
        _gramflow.merge(path)
        return Sweep(path)
    return Run(_gramflow.load(os.fspath(folder)))
