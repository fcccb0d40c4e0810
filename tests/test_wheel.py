"""The built wheel in environments of its own: the library with torch and numpy alone, the lab.

Nothing is downloaded: an environment borrows packages, by links, from the one that runs the tests.
"""

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parent.parent
LIBRARY = ["penalties", "views", "select", "optim", "structure", "models", "train"]

EXAMPLE = """
import torch, lpreg
model = torch.nn.Linear(3, 1)
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
optimizer = lpreg.Regularized(sgd, model, lpreg.L1(1e6), coupling="proximal")
model(torch.ones(2, 3)).sum().backward()
optimizer.step()
assert (model.weight == 0).all()
print(lpreg.describe(model))
print("---")
try:
    lpreg.read("runs/shapes")
except ImportError as error:
    print(error)
"""

STUDY = """
[study]
name = "tiny"
seeds = 2

[plan]
workers = 1

[[data]]
name = "digits"
split = { train = 100, val = 50, test = 50 }

[[model]]
name = "small"
kind = "mlp"
hidden = [8]

[[recipe]]
name = "modern"
optimizer = "adam"
lr = 1e-3
batch_size = 50
epochs = 2

[[arm]]
name = "none"

[[arm]]
name = "L1"
penalty = { kind = "L1", lam = [1e-4, 1e-3] }
coupling = "proximal"
"""


def needed(requirements: Iterable[str], extras: Iterable[str] = ("",)) -> set[str]:
    """The installed packages that these requirements need, theirs included."""
    found: set[str] = set()
    waiting = [(requirement, frozenset(extras)) for requirement in requirements]
    while waiting:
        text, wanted = waiting.pop()
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted):
            continue
        if requirement.name not in found and requirement.name != "lpreg":
            try:
                theirs = distribution(requirement.name).requires or []
            except PackageNotFoundError:  # CUDA packages, beside a CPU build that does not say so
                continue
            found.add(requirement.name)
            waiting += [(each, frozenset({"", *requirement.extras})) for each in theirs]
    return found


def environment(folder: Path, wheel: Path, packages: Iterable[str]) -> Path:
    """A new virtual environment with these packages and the wheel; returns its `bin`."""
    venv.create(folder, with_pip=False)
    library = next(folder.glob("lib/python*/site-packages"))
    for package in packages:
        for file in distribution(package).files or []:
            top = file.parts[0]
            if top != ".." and top != "__pycache__" and not (library / top).exists():
                (library / top).symlink_to(Path(str(distribution(package).locate_file(top))))
    python = str(folder / "bin" / "python")
    install = ["install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check"]
    outside = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*outside, *install, str(wheel)], check=True)
    return folder / "bin"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, away from the checkout, and keep what is printed."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(PROJECT)], check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("bare"), wheel, needed(["torch", "numpy"]))


@pytest.fixture(scope="module")
def lab(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    packages = needed(distribution("lpreg").requires or [], extras=("", "lab"))
    return environment(tmp_path_factory.mktemp("lab"), wheel, packages)


def test_what_is_in_the_wheel(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    page = [f"lpreg/report/{name}" for name in ("page.css", "page.js", "plotly.min.js")]
    for wanted in ("lpreg/py.typed", "lpreg/study/gallery/shapes.toml", *page):
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"lpreg"}


def test_the_library_needs_torch_and_numpy_alone(bare: Path, tmp_path: Path):
    imports = "\n".join(f"import lpreg.{part}" for part in LIBRARY)
    done = run(bare / "python", "-W", "error", "-c", imports + EXAMPLE, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    table, missing = done.stdout.split("\n---\n")
    assert "weight" in table
    assert missing.startswith("lpreg.read: ")
    assert missing.endswith('pip install "lpreg[lab]"\n')


def test_the_command_without_the_lab_is_one_line(bare: Path, tmp_path: Path):
    done = run(bare / "lpreg", "list", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith('pip install "lpreg[lab]"')


def test_the_lab_runs_a_study(lab: Path, tmp_path: Path):
    done = run(lab / "lpreg", "list", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shapes" in done.stdout
    (tmp_path / "tiny.toml").write_text(STUDY, "utf-8")
    done = run(lab / "lpreg", "run", "tiny.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "runs" / "tiny" / "results").glob("*.parquet"))
