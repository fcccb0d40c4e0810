"""A study that trains in a second, and the command line called as a person would."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

TINY = """
[study]
name = "tiny"
title = "A tiny study"
seeds = 2

[[data]]
name = "digits"
split = { train = 100, val = 50, test = 60 }

[[model]]
name = "small"
kind = "mlp"
hidden = [6]
activation = "arctan"
bias = false

[[model]]
name = "deep"
kind = "mlp"
hidden = [5, 4]

[[recipe]]
name = "modern"
lr = 1e-2
batch_size = 32
epochs = 4
evaluate_every = 2
inputs = "scaled"

[[recipe]]
name = "document"
models = ["small"]
arms = ["none", "L1"]
optimizer = "sgd"
lr = 0.1
batch_size = "all"
steps = 6
loss = "bce_softmax"
evaluate_every = 3
init = "document_deep"

[[arm]]
name = "none"

[[arm]]
name = "L1"
penalty = { kind = "L1", lam = [1e-4, 1e-3] }

[[arm.for]]
recipe = "document"
penalty = { kind = "L1", lam = 5e-2 }
where = "first"

[[arm]]
name = "L1-proximal"
penalty = { kind = "L1", lam = [1e-4, 1e-3, 1e-2] }
coupling = "proximal"

[[arm]]
name = "dropout"
dropout = 0.3

[quick]
seeds = 1
strengths = "middle"
recipe.modern.epochs = 2

[plan]
width = 4
workers = 1
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """The study as a file in the folder, with texts replaced that must be there."""
    text = TINY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "tiny.toml"
    file.write_text(text, "utf-8")
    return file


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """`lpreg ...` in a process and a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lpreg", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def contents(folder: Path) -> dict[str, str]:
    """Every file under a folder with a hash of its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(f.relative_to(folder)): sha256(f.read_bytes()).hexdigest() for f in files}
