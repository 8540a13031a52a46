"""The engine, written in Rust: what the functions of this package call."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from gramflow._layers import GivenLayers
from gramflow._scenario import Given

__all__ = [
    "ScenarioError",
    "RawRun",
    "main",
    "check",
    "explain",
    "schema",
    "columns",
    "run",
    "load",
    "_rebuild",
    "write_npz",
    "flow",
    "compare",
    "sweep",
    "merge",
    "study_lr",
    "read_table",
    "figures",
    "__version__",
]

_Array = np.ndarray[Any, np.dtype[np.float64]]

__version__: str

class ScenarioError(ValueError):
    """A scenario cannot be run.

    `key` is the path of the key to mend, `line` and `column` say where it stands (from 1; None where the scenario is a dict),
    `message` what would be right. `problems` lists all problems that were found, each a dict with these entries.
    """

    key: str
    message: str
    file: str | None
    line: int | None
    column: int | None
    problems: list[dict[str, Any]]

@final
class RawRun:
    @property
    def name(self) -> str: ...
    @property
    def caption(self) -> str: ...
    @property
    def widths(self) -> list[int]: ...
    def table(self) -> dict[str, Any]: ...
    def arrow(self) -> Any: ...
    def arrays(self) -> dict[str, _Array]: ...
    def weights(self) -> dict[str, _Array]: ...
    def trajectory(self) -> dict[str, _Array] | None: ...
    def manifest(self) -> str: ...
    def scenario(self) -> str | None: ...
    def pictures(self) -> list[str]: ...
    def draw(self, name: str, format: str) -> bytes: ...
    def save(self, folder: str | os.PathLike[str], pictures: bool) -> str | os.PathLike[str]: ...
    def __reduce__(self) -> tuple[Any, Any]: ...

def main(arguments: Sequence[str]) -> int: ...
def check(given: Given, max_memory: int | None) -> str: ...
def explain(given: Given) -> str: ...
def schema() -> str: ...
def columns(pattern: str) -> str: ...
def run(
    given: Given,
    inputs: Mapping[str, str | os.PathLike[str]],
    observe: Mapping[str, Callable[..., Any]],
    max_memory: int | None,
    progress: Callable[[float], Any] | None,
) -> tuple[RawRun, BaseException | None]: ...
def load(path: str | os.PathLike[str]) -> RawRun: ...
def _rebuild(head: Any, scenario: str | None, inputs: Any, manifest: str, parts: Any) -> RawRun: ...
def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, _Array]) -> None: ...
def flow(
    gradient: Callable[..., Any],
    valued: bool,
    theta0: _Array,
    t_end: float,
    rtol: float,
    atol: float,
    hvp: Callable[..., Any] | None,
    method: str,
    times: Sequence[float] | None,
    stop: Callable[[float, _Array], Any] | None,
    callback: Callable[[float, _Array], Any] | None,
    dense: bool,
    args: tuple[Any, ...],
    max_steps: int,
) -> tuple[dict[str, Any], BaseException | None]: ...
def compare(
    text: str,
    value_and_grad: Callable[..., Any],
    theta0: _Array,
    hvp: Callable[..., Any] | None,
    layers: GivenLayers | None,
    args: tuple[Any, ...],
    observe: Mapping[str, Callable[[Any, float], Any]],
) -> tuple[RawRun, BaseException | None]: ...
def sweep(
    given: Given,
    out: str | None,
    jobs: int | None,
    max_memory: int | None,
    progress: Callable[[float], Any] | None,
) -> tuple[str | os.PathLike[str], BaseException | None]: ...
def merge(path: str | os.PathLike[str]) -> None: ...
def study_lr(
    given: Given,
    rates: Sequence[float],
    optimizers: Sequence[str],
    batches: Sequence[str],
    seeds: int,
    loss: float | None,
    ensemble: int | None,
    out: str | None,
    jobs: int | None,
    max_memory: int | None,
    progress: Callable[[float], Any] | None,
) -> tuple[str | os.PathLike[str] | None, BaseException | None]: ...
def read_table(path: str | os.PathLike[str]) -> dict[str, Any]: ...
def figures(
    names: Sequence[str],
    out: str | os.PathLike[str],
    scenarios: str | os.PathLike[str],
    runs: str | os.PathLike[str],
    jobs: int | None,
    max_memory: int | None,
    progress: Callable[[float], Any] | None,
) -> tuple[str, BaseException | None]: ...
