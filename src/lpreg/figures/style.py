"""What all pictures share: the size of their text, how numbers are written, how files are made."""

import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

TEXT = 9.0  # points, on a page of 11 inches: legible when it is printed at half that size

ENDINGS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 150, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}


def number(value: float) -> str:
    """A strength as people write it: 0.05, 1e-4, 6.68e-6."""
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.3g}"
    return np.format_float_scientific(value, precision=2, trim="-", exp_digits=1)


def stem(*names: object) -> str:
    """The name of a file from names that may hold anything."""
    return "-".join(re.sub(r"[^\w.+-]", "_", str(name)) for name in names)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a picture to an existing folder as PNG and SVG: the same files for the same picture."""
    written = []
    for ending, options in ENDINGS.items():
        path = folder / f"{name}.{ending}"
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(path, **options)
        written.append(path)
    return written
