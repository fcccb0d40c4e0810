"""Studies of people's own data: moved files, changed files, shares, what is kept in the folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lpreg.cli import main
from lpreg.data import from_arrays
from lpreg.study import Member, SpecError, dump, members, parse, read
from lpreg.study.network import dataset, samples
from lpreg.study.own import located
from lpreg.study.sources import find
from lpreg.study.store import Folder
from lpreg.study.variant import quicken

OWN = """
[study]
name = "own"
seeds = 2
resample = true

[[data]]
name = "price"
kind = "table"
path = "data/houses.csv"
target = "price"
split = { train = 0.6, val = 0.2, test = 0.2 }

[[model]]
name = "h4"
kind = "mlp"
hidden = [4]

[[recipe]]
name = "fit"
lr = 0.01
batch_size = [8, "all"]
steps = 4
inputs = "standardized"
loss = "mse"

[[arm]]
name = "L1"
penalty = { kind = "L1", lam = { match = "gradient-share", share = 0.1 } }

[quick]
seeds = 1
data.price.split = { train = 0.25, val = 0.25, test = 0.25 }
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study in a file, its data beside it; the working directory is another folder."""
    random = np.random.default_rng(0)
    x = random.normal(size=(41, 2))
    lines = [f"{a},{'' if k % 4 else b},{a + b}" for k, (a, b) in enumerate(x.tolist())]
    (tmp_path / "here" / "data").mkdir(parents=True)
    (tmp_path / "here" / "data" / "houses.csv").write_text("\n".join(["a,b,price", *lines, ""]))
    (tmp_path / "here" / "own.toml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "here" / "own.toml"


def ids(study: Path) -> list[str]:
    return [member.id for member in members(find(str(study))[0])]


def test_shares_become_numbers(study: Path):
    spec, file = find(str(study))
    assert spec.data[0].split.model_dump() == {"train": 25, "val": 8, "test": 8}
    assert spec.data[0].options["path"] == str(study.parent / "data" / "houses.csv")
    assert parse(dump(spec)) == spec
    assert quicken(spec, file).data[0].split.model_dump() == {"train": 10, "val": 10, "test": 11}


def test_a_member_is_its_content_and_not_its_place(study: Path):
    before = ids(study)
    file = study.parent / "data" / "houses.csv"
    file.rename(study.parent / "moved.csv")
    study.write_text(OWN.replace("data/houses", "moved"), "utf-8")
    assert ids(study) == before
    moved = study.parent / "moved.csv"
    moved.write_text(moved.read_text("utf-8").replace(".5", ".6", 1), "utf-8")
    assert set(ids(study)).isdisjoint(before)


def test_published_data_are_who_they_were(tmp_path: Path):
    spec = find("shapes")[0]
    assert located(spec, tmp_path, "shapes.toml") is spec
    assert spec.data[0].identity == spec.data[0].model_dump(exclude_none=True)


def test_a_run_goes_on_where_its_file_has_moved_and_not_where_it_has_changed(
    study: Path, capsys: pytest.CaptureFixture[str]
):
    run = ["run", str(study), "--device", "cpu", "--workers", "1"]
    assert main([*run, "--seeds", "1"]) == 0
    first = read("runs/own").results
    held = Path("runs/own/study.toml").read_text("utf-8")
    assert 'path = "../../here/data/houses.csv"' in held
    (study.parent / "data").rename(study.parent / "moved")
    study.write_text(OWN.replace("data/houses", "moved/houses"), "utf-8")
    assert main(run) == 0
    both = read("runs/own").results
    assert (len(first), len(both)) == (2, 4)
    again = both[both["member"].isin(first["member"])].reset_index(drop=True)
    assert again["test_mse"].tolist() == first["test_mse"].tolist()
    held = Path("runs/own/study.toml").read_text("utf-8")
    assert 'path = "../../here/moved/houses.csv"' in held

    file = study.parent / "moved" / "houses.csv"
    file.write_text(file.read_text("utf-8") + "1,1,2\n", "utf-8")
    capsys.readouterr()
    assert main(run) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lpreg: houses.csv has changed since runs/own was begun; put")
    assert main(["run", "runs/own/study.toml", "--out", "runs/own"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "houses.csv has changed since its study was begun" in line
    file.unlink()
    assert main(["show", "runs/own"]) == 0  # what is stored is read without it


def prepared(study: Path, batch: object) -> tuple[Member, torch.Tensor]:
    """A member and what its network sees of all parts."""
    member = next(m for m in members(find(str(study))[0]) if m.recipe.batch_size == batch)
    data = samples(member, dataset(member.data)).on("cpu", torch.float32)
    return member, torch.cat([x for x, _ in data.parts.values()])


@pytest.mark.parametrize("batch", [8, "all"])
def test_a_gap_is_seen_as_the_mean_of_the_training_part(study: Path, batch: object):
    member, seen = prepared(study, batch)
    own = dataset(member.data)
    assert own.gaps and not seen.isnan().any()
    assert (seen[:, 1].abs() < 1e-6).sum() == own.x[:, 1].isnan().sum() == 30
    assert seen[: member.data.split.train].mean(0).abs().max() < 1e-6


def test_a_column_that_is_constant_in_training_is_so_everywhere(study: Path):
    file = study.parent / "data" / "houses.csv"
    rows = file.read_text("utf-8").splitlines()
    rare = ["rare", *["1000000" if k == 7 else "0" for k in range(len(rows) - 1)]]
    file.write_text("\n".join(f"{c},{row}" for c, row in zip(rare, rows, strict=True)), "utf-8")
    spec = find(str(study))[0]
    seen = {}
    for member in members(spec)[:4]:
        data = samples(member, dataset(member.data)).on("cpu", torch.float32)
        seen[member.split_seed] = {part: x[:, 0] for part, (x, _) in data.parts.items()}
    largest = {max(x.abs().max().item() for x in parts.values()) for parts in seen.values()}
    assert all(size < 6 for size in largest) and 0.0 in largest


WRONG = {
    "no target": ('target = "price"\n', "", ["'target' is missing", "'table' needs"]),
    "another target": ('"price"\nsplit', '"prize"\nsplit', ["data 1: houses.csv", "'price'?"]),
    "no file": ("houses.csv", "horses.csv", ["data 1:", "horses.csv does not exist"]),
    "key": ('target = "price"', 'target = "price"\ndorp = ["a"]', ["did you mean 'drop'?"]),
    "text": ('target = "price"', 'target = "price"\ndrop = "a"', ["drop = 'a'", "a list"]),
    "large shares": ("train = 0.6", "train = 0.7", ["train 0.7 + val 0.2 + test 0.2 is 1.1"]),
    "mixed": ("train = 0.6", "train = 6", ["numbers and shares"]),
    "no share": ("train = 0.6", "train = -0.6", ["-0.6 is neither"]),
    "loss": ('loss = "mse"', "", ["cross_entropy", "houses.csv", "a regression"]),
}


@pytest.mark.parametrize(("old", "new", "named"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_ends_in_one_line(study: Path, capsys, old, new, named):
    assert old in OWN
    study.write_text(OWN.replace(old, new), "utf-8")
    assert main(["run", str(study)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert [words for words in named if words not in line] == []


def test_data_from_memory_are_kept_in_the_run_folder(tmp_path: Path):
    own = from_arrays(np.arange(24.0).reshape(12, 2), ["u", "v"] * 6)
    folder = Folder(tmp_path / "runs" / "arrays")
    with folder.locked():
        says = folder.keep(own)
        assert folder.keep(own) == says
        assert folder.study() is None
        table = 'kind = "table"\npath = "data/houses.csv"\ntarget = "price"'
        text = OWN.replace(table, "\n".join(f'{key} = "{value}"' for key, value in says.items()))
        spec = located(parse(text), tmp_path, "arrays")
        folder.begin(spec, [], {})
    assert folder.study() == spec
    assert torch.equal(dataset(spec.data[0]).x, own.x)
    folder.path.rename(tmp_path / "elsewhere")
    held = Folder(tmp_path / "elsewhere").study()
    assert held is not None and torch.equal(dataset(held.data[0]).x, own.x)


def test_a_folder_without_its_data_says_so(tmp_path: Path):
    with pytest.raises(SpecError, match=r"own: data 1: .*houses\.csv does not exist"):
        located(parse(OWN), tmp_path, "own")
