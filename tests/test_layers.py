"""A module imports only from layers below its own: read from the syntax trees, nothing is run."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lpreg"


class Layer(NamedTuple):
    """What a layer may import: parts of lpreg, and packages beside the standard library."""

    parts: set[str]
    packages: set[str]


LIBRARY = {"numpy", "torch"}
FRAMES = {"numpy", "pandas"}
CORE = {"penalties", "views", "select", "optim"}

LAYERS = {
    "penalties": Layer(set(), LIBRARY),
    "views": Layer({"penalties"}, LIBRARY),
    "select": Layer({"penalties"}, LIBRARY),
    "optim": Layer({"penalties", "views", "select"}, LIBRARY),
    "structure": Layer({"penalties", "select"}, LIBRARY),
    "integrations": Layer({*CORE}, LIBRARY | {"lightning", "transformers"}),
    "models": Layer(set(), LIBRARY),
    "train": Layer({*CORE, "models"}, LIBRARY),
    "data": Layer(set(), LIBRARY | {"PIL", "pandas", "rich", "sklearn"}),
    "analysis": Layer(set(), FRAMES | {"scipy", "statsmodels"}),
    "figures": Layer({"analysis"}, FRAMES | {"matplotlib", "plotly"}),
    "report": Layer({"analysis", "figures"}, FRAMES | {"plotly"}),
    "study": Layer(
        {*CORE, "structure", "models", "train", "data", "analysis"},
        LIBRARY | FRAMES | {"pyarrow", "pydantic", "safetensors", "tomli_w"},
    ),
    "pages": Layer({"models", "data", "analysis", "figures", "report", "study"}, FRAMES),
    "explain": Layer(
        {*CORE, "models", "train", "data", "analysis", "figures", "report", "study"},
        LIBRARY | FRAMES | {"matplotlib", "mpl_toolkits", "plotly", "scipy", "sklearn"},
    ),
    "comparison": Layer(
        {*CORE, "models", "train", "data", "analysis", "study", "pages"},
        LIBRARY | FRAMES | {"safetensors", "tomli_w"},
    ),
    "estimators": Layer(
        {*CORE, "models", "train", "analysis", "study"}, LIBRARY | {"joblib", "sklearn"}
    ),
    "cli": Layer(
        {*CORE, "models", "train", "data", "analysis", "figures", "report", "study", "explain"}
        | {"pages", "comparison"},
        FRAMES | {"pydantic", "rich", "torch", "typer"},
    ),
    "__main__": Layer({"cli"}, set()),
}


def part_of(path: Path, root: Path) -> str:
    """The layer that a file belongs to: its folder or name directly under the root."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def complaint(name: str, part: str) -> str | None:
    """Why a layer may not import this dotted name, or None when it may."""
    layer = LAYERS[part]
    top, _, rest = name.partition(".")
    if top == "lpreg":
        below = rest.partition(".")[0]
        if below not in LAYERS and below != "__version__":
            return f"imports {name}: name the module that defines it"
        allowed = {part, "__version__", *layer.parts}
        return None if below in allowed else f"imports lpreg.{below}, which is not below it"
    known = top in sys.stdlib_module_names or top in layer.packages
    return None if known else f"imports {top}, which this layer does without"


def violations(root: Path) -> list[str]:
    """One line for every import under `root` (the package folder) that breaks the layers."""
    found = []
    for path in sorted(root.rglob("*.py")):
        part = part_of(path, root)
        if part == "__init__":
            continue  # the public names, imported lazily
        if part not in LAYERS:
            found.append(f"{path.name}: {part} is not in LAYERS of tests/test_layers.py: add it")
            continue
        package = ["lpreg", *path.relative_to(root).parent.parts]
        for line, name in imports(ast.parse(path.read_text("utf-8")), package):
            if why := complaint(name, part):
                found.append(f"{path.relative_to(root).as_posix()}:{line} {why}")
    return found


def test_the_package_keeps_its_layers():
    assert violations(SOURCE) == []


def test_every_layer_is_there():
    assert {part_of(path, SOURCE) for path in SOURCE.rglob("*.py")} == {*LAYERS, "__init__"}


WRONG = {
    "upwards": ("penalties/lp.py", "from lpreg.optim import metric", "lpreg.optim"),
    "upwards, whole module": ("select.py", "import lpreg.train.stack", "lpreg.train"),
    "upwards, relative": ("penalties/lp.py", "from ..optim import metric", "lpreg.optim"),
    "upwards, relative package": ("penalties/lp.py", "from .. import optim", "lpreg.optim"),
    "sideways": ("data/digits.py", "from lpreg.models import mlp", "lpreg.models"),
    "inside a function": ("views.py", "def f():\n    import lpreg.study", "lpreg.study"),
    "for types only": (
        "views.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lpreg.cli import main",
        "lpreg.cli",
    ),
    "through the lazy root": ("optim/metric.py", "from lpreg import L1", "lpreg.L1"),
    "the lazy root itself": ("optim/metric.py", "import lpreg", "lpreg"),
    "an unknown layer": ("helpers.py", "", "helpers"),
    "torch in analysis": ("analysis/tables.py", "import torch.nn as nn", "torch"),
    "torch in figures": ("figures/curves.py", "from torch import Tensor", "torch"),
    "matplotlib in study": ("study/store.py", "import matplotlib.pyplot as plt", "matplotlib"),
    **{
        f"{package} in {part}": (f"{part}/x.py", f"import {package}", package)
        for part in ("penalties", "views", "select", "optim", "train", "models")
        for package in (
            *("pandas", "pyarrow", "scipy", "sklearn", "matplotlib", "plotly"),
            *("pydantic", "typer", "rich"),
        )
    },
}


@pytest.mark.parametrize(("place", "source", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_import_is_found(tmp_path: Path, place: str, source: str, named: str):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, "utf-8")
    (line,) = violations(tmp_path)
    assert named in line
    assert file.name in line


RIGHT = {
    "downwards": ("optim/metric.py", "from lpreg.penalties import base\nimport torch"),
    "beside": ("penalties/lp.py", "from lpreg.penalties.base import Penalty"),
    "beside, relative": ("penalties/lp.py", "from .base import Penalty\nfrom . import norms"),
    "standard library": ("views.py", "import math\nfrom collections.abc import Mapping"),
    "the version": ("study/store.py", "from lpreg import __version__"),
}


@pytest.mark.parametrize(("place", "source"), RIGHT.values(), ids=RIGHT.keys())
def test_a_right_import_is_not(tmp_path: Path, place: str, source: str):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, "utf-8")
    assert violations(tmp_path) == []
