"""Scenarios: as a dict, as YAML text, or as the path of a file."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np

from gramflow import _gramflow
from gramflow._gramflow import ScenarioError

Scenario = Union[str, "os.PathLike[str]", Mapping[str, Any]]
"""A dict, YAML text (with a line break or a colon and a blank in it), or the path of a file."""

# Names of the arrays that stand for a file in a dict, by the key and by the word that chooses such a file there.
_ARRAYS = {
    "data": {
        "file": re.compile("X|Y|M|X_test|Y_test"),
        "moments": re.compile("Sigma_x|Sigma_yx|tr_Sigma_y"),
        "sensing": re.compile("A|y"),
    },
    "init": {"file": re.compile(r"[Wb][1-9]\d*")},
}

# The same in words.
_KNOWN = {
    "data": "X and Y (and M, X_test, Y_test), or Sigma_x, Sigma_yx and tr_Sigma_y, or A and y",
    "init": "W1, W2, … (and b1, b2, …)",
}


class Given(NamedTuple):
    """A scenario as the engine takes it."""

    text: str | None
    path: str
    sets: list[str]
    dict: bool


def _quoted(text: str) -> str:
    # YAML does not join the two escapes of a surrogate pair, as JSON does.
    return json.dumps(text, ensure_ascii=False)


def _scalar(value: Any, key: str) -> str:
    """A number, a word or nothing, as YAML."""
    if value is None:
        return "null"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return ".nan"
        if math.isinf(number):
            return ".inf" if number > 0 else "-.inf"
        return repr(number)
    if isinstance(value, (str, os.PathLike)):
        return _quoted(os.fspath(value))
    raise TypeError(f"{key or 'scenario'}: must be a number, text, a list or a dict, got {type(value).__name__}")


def to_yaml(value: Any, key: str = "") -> str:
    """A tree of dicts, lists and scalars as YAML on one line.

    >>> to_yaml({"a": [1, 2.5], "b": {"c": None}})
    '{"a": [1, 2.5], "b": {"c": null}}'
    """
    if isinstance(value, Mapping):
        pairs = []
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{key or 'scenario'}: keys must be text, got {name!r}")
            pairs.append(f"{_quoted(name)}: {to_yaml(item, f'{key}.{name}' if key else name)}")
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return "[" + ", ".join(to_yaml(item, f"{key}[{index}]") for index, item in enumerate(value)) + "]"
    return _scalar(value, key)


def float64(value: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`value` as an array of float64 in C order, or an error that begins with `name`."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: must be an array of real numbers, got {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.float64)


class Stored(NamedTuple):
    """Arrays of a dict, in a file of ours.

    Attributes:
        key: where the user has put them: `data`, or `data.file`.
        word: the choice that reads such a file: `file`, `moments` or `sensing`.
        arrays: the arrays by their names.
        settings: what else stands there.
        path: the file.
    """

    key: str
    word: str
    arrays: dict[str, Any]
    settings: dict[str, Any]
    path: Path

    def told(self, problem: Mapping[str, Any]) -> dict[str, Any]:
        """The problem with the key that the user knows, `data.X`, where it names the file."""
        choice = self.path.stem
        if str(self.path) not in problem["message"] and problem["key"] != f"{choice}.{self.word}.path":
            return dict(problem)
        message = problem["message"].removeprefix(f"{self.path}: ").replace(str(self.path), self.key)
        named = re.search(rf"\b({_ARRAYS[choice][self.word].pattern})\b", message)
        return {**problem, "key": f"{self.key}.{named[1]}" if named else self.key, "message": message}


def _chosen(key: str, choice: Mapping[str, Any], folder: Path) -> Stored | None:
    """The arrays in a choice such as `data`, if there are some."""
    for word, names in _ARRAYS[key].items():
        # data={"X": …, "Y": …} and data={"file": {"X": …, "Y": …}} alike.
        for place, settings in ((key, choice), (f"{key}.{word}", choice.get(word))):
            if not isinstance(settings, Mapping):
                continue
            arrays = {name: value for name, value in settings.items() if names.fullmatch(str(name))}
            if arrays:
                others = {name: value for name, value in settings.items() if name not in arrays}
                return Stored(place, word, arrays, others, folder / f"{key}.npz")
    return None


def _is_array(value: Any) -> bool:
    """Whether it is an array rather than a setting."""
    return hasattr(value, "__array__") and np.ndim(value) > 0


def _refuse_arrays(key: str, settings: Mapping[str, Any]) -> None:
    """Refuse arrays under names that mean nothing."""
    for name, value in settings.items():
        if _is_array(value):
            raise ValueError(f"{key}: no array is called {name!r} here: give {_KNOWN[key]}")


def _stored(scenario: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], list[Stored]]:
    """The scenario with files for arrays, and these arrays."""
    changed, all_stored = dict(scenario), []
    for key in _ARRAYS:
        choice = scenario.get(key)
        if not isinstance(choice, Mapping):
            continue
        found = _chosen(key, choice, folder)
        if found is None:
            _refuse_arrays(key, choice)
            continue
        beside = {} if found.key == key else {name: value for name, value in choice.items() if name != found.word}
        _refuse_arrays(key, {**beside, **found.settings})
        if "path" in found.settings:
            raise ValueError(f"{key}: holds the arrays {', '.join(found.arrays)} and a path: give one of them")
        arrays = {name: float64(value, f"{key}[{name!r}]") for name, value in found.arrays.items()}
        _gramflow.write_npz(found.path, arrays)
        changed[key] = {**beside, found.word: {"path": found.path, **found.settings}}
        all_stored.append(found)
    return changed, all_stored


def _of_user(error: ScenarioError, all_stored: list[Stored]) -> None:
    """Make an error name keys that the user has given, in the place of files that hold arrays."""
    text, problems = str(error), []
    for problem in error.problems:
        known = problem
        for stored in all_stored:
            known = stored.told(known)
        text = text.replace(f"{problem['key']}: {problem['message']}", f"{known['key']}: {known['message']}")
        problems.append(known)
    error.problems, error.key, error.message = problems, problems[0]["key"], problems[0]["message"]
    error.args = (text,)


def is_text(scenario: str) -> bool:
    """Whether it is YAML rather than a path: it has a line break, or `key: value`."""
    return "\n" in scenario or ": " in scenario or not scenario.strip()


def sets_of(patches: Mapping[str, Any] | None) -> list[str]:
    """`{"flow.rtol": 1e-10}` as `flow.rtol=1e-10`."""
    if patches is None:
        return []
    if not isinstance(patches, Mapping):
        raise TypeError(f"set: must be a dict such as {{'flow.rtol': 1e-10}}, got {type(patches).__name__}")
    return [f"{key}={to_yaml(value, str(key))}" for key, value in patches.items()]


@contextmanager
def given(scenario: Scenario, patches: Mapping[str, Any] | None) -> Iterator[tuple[Given, dict[str, Path]]]:
    """The scenario as the engine takes it, and the files that stand for its arrays while the context lasts."""
    sets = sets_of(patches)
    if isinstance(scenario, Mapping):
        with tempfile.TemporaryDirectory(prefix="gramflow-") as folder:
            changed, stored = _stored(scenario, Path(folder))
            files = {arrays.path.name: arrays.path for arrays in stored}
            try:
                yield Given(to_yaml(changed), os.path.join(os.getcwd(), "scenario.yaml"), sets, True), files
            except ScenarioError as error:
                if error.problems:
                    _of_user(error, stored)
                raise
    elif isinstance(scenario, str) and is_text(scenario):
        yield Given(scenario, "scenario.yaml", sets, False), {}
    elif isinstance(scenario, (str, os.PathLike)):
        yield Given(None, os.fspath(scenario), sets, False), {}
    else:
        raise TypeError(f"scenario: must be a dict, YAML text or a path, got {type(scenario).__name__}")


def memory(max_memory: Any) -> int | None:
    """Bytes of memory, or an error that says so."""
    if max_memory is None:
        return None
    if not isinstance(max_memory, (int, np.integer)) or isinstance(max_memory, bool) or max_memory < 1:
        raise TypeError(f"max_memory: must be a whole number of bytes, such as 16 * 10**9, got {max_memory!r}")
    return int(max_memory)


def in_files(files: Mapping[str, Path]) -> None:
    """Refuse arrays in a dict where the result must name their files later."""
    if files:
        raise ValueError("scenario: its arrays must lie in a file here: numpy.savez them and name the path")


def check(scenario: Scenario, *, set: Mapping[str, Any] | None = None, max_memory: int | None = None) -> str:
    """Validate a scenario or a sweep, and the files that it names; run nothing.

    Returns a summary: the name, and the number of parameters or units.

    Raises:
        ScenarioError: if it cannot be run.
    """
    with given(scenario, set) as (it, _):
        return _gramflow.check(it, memory(max_memory))


def explain(scenario: Scenario, *, set: Mapping[str, Any] | None = None) -> str:
    """The scenario with every default filled in, as YAML: a scenario again, and for a sweep a sweep. Arrays must lie in files.

    Raises:
        ScenarioError: if the scenario is not valid.
    """
    with given(scenario, set) as (it, files):
        in_files(files)
        return _gramflow.explain(it)


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario.

    >>> schema()["type"]
    'object'
    """
    loaded: dict[str, Any] = json.loads(_gramflow.schema())
    return loaded


def columns(pattern: str = "*") -> list[dict[str, Any]]:
    """What runs record: a dict with `name`, `formula`, `unit`, `group` and `measure` for each column.

    Args:
        pattern: text in the name or the group of a column; with `*` or `?`, a pattern for the whole name or group.

    >>> columns("loss")[0]["name"]
    'loss'
    """
    listed: list[dict[str, Any]] = json.loads(_gramflow.columns(pattern))
    return listed
