"""A picture that shows itself in a notebook."""

from __future__ import annotations

import base64
import os
from pathlib import Path

# Endings by which programs tell how a picture is stored.
_ENDINGS = {"svg", "png", "pdf", "jpg", "jpeg", "eps", "ps", "gif", "tif", "tiff", "bmp", "webp"}


class Picture:
    """One picture as the content of its file, SVG, PNG or PDF."""

    def __init__(self, name: str, format: str, data: bytes) -> None:
        self.name = name
        self.format = format
        self.data = data

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file; returns its path.

        Raises:
            ValueError: if the file's name ends as that of another format.
        """
        path = Path(path)
        ending = path.suffix.lstrip(".").lower()
        if ending != self.format and ending in _ENDINGS:
            raise ValueError(
                f"{path}: the picture is in the format {self.format}: call it {path.with_suffix('.' + self.format).name}, "
                "or draw it by plot(name, format=…) in svg, png or pdf"
            )
        path.write_bytes(self.data)
        return path

    def to_html(self) -> str:
        """An `img` element with the SVG or PNG embedded, for any page."""
        kind = "svg+xml" if self.format == "svg" else self.format
        text = base64.b64encode(self.data).decode("ascii")
        return f'<img alt="{self.name}" style="max-width: 100%" src="data:image/{kind};base64,{text}">'

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        text: dict[str, object] = {"text/plain": repr(self)}
        if self.format == "svg":
            text["image/svg+xml"] = self.data.decode("utf-8")
        elif self.format == "png":
            text["image/png"] = base64.b64encode(self.data).decode("ascii")
        else:
            text["application/pdf"] = base64.b64encode(self.data).decode("ascii")
        return text

    def __repr__(self) -> str:
        return f"Picture({self.name!r}, {self.format}, {len(self.data)} bytes)"
