"""Progress bars, in notebooks only unless they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def bar(asked: bool | None, label: str) -> Iterator[Callable[[float], Any] | None]:
    """A function that shows the fraction of the work that is done in a tqdm bar; None where there is to be no bar.

    Args:
        asked: None for a bar in notebooks only, and only where tqdm is installed.
    """
    if asked is False or (asked is None and not _in_notebook()):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if asked:
            raise ImportError("progress bars need tqdm: pip install tqdm, or leave out progress=True") from None
        yield None
        return
    shape = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=label, bar_format=shape) as shown:
        yield lambda share: shown.update(share - shown.n)
