"""The examples of the pages run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("page", "least"), [("docs/python.md", 6), ("README.md", 1)])
def test_the_examples_of_a_page_run(page: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= least
    for block in re.findall(r"^```yaml\n(name: (\S+)\n.*?)^```", text, re.DOTALL | re.MULTILINE):
        (tmp_path / f"{block[1]}.yaml").write_text(block[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
