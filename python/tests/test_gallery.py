"""The notebooks of the gallery run as they stand, and what they assert holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_notebook_runs(script: Path, tmp_path: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ") and re.search(r"^ *assert ", text, re.MULTILINE)
    for needed in re.findall(r"^import (\w+)", text, re.MULTILINE):
        pytest.importorskip(needed)
    # In a process of its own: settings of JAX and torch are global. Their threads would wait for each other on a busy machine.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_notebook_is_listed() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert len(SCRIPTS) >= 5 and sorted(re.findall(r"\]\(gallery/(\w+\.py)\)", page)) == [script.name for script in SCRIPTS]
