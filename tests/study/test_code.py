"""Networks of one's own: their code runs when that is allowed, and never otherwise."""

from pathlib import Path

import pytest
import torch

import lpreg
from lpreg.cli import main
from lpreg.study import FolderError, SpecError, parse
from lpreg.study.network import check
from tests.study.tiny import TINY, contents, write

MODULE = """
from pathlib import Path

import torch
from lpreg.models import Dropout

Path("imported").touch()


class Net(torch.nn.Module):
    def __init__(self, inputs, outputs, width=3, dropout=0.0):
        super().__init__()
        self.hidden = torch.nn.Linear(inputs[0], width)
        self.drop = Dropout(dropout)
        self.out = torch.nn.Linear(width, outputs)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.hidden(x))))
"""
OWN = (
    'name = "deep"\nkind = "mlp"\nhidden = [5, 4]',
    'name = "deep"\nkind = "MODULE:Net"\nwidth = 5',
)
FEW = ["--only", "model=deep,arm=none,arm=L1-proximal", "--seeds", "1", "--out", "run"]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study beside the module that it names, which nobody has imported yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE, "utf-8")
    return str(write(tmp_path, (OWN[0], OWN[1].replace("MODULE", name))))


def is_imported() -> bool:
    return Path("imported").exists()


def test_code_is_refused_before_anything_is_imported(study: str, capfd):
    before = contents(Path())
    for arguments in (["run", study], ["run", study, "--dry-run"], ["run", study, "--quick"]):
        assert main(arguments) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "model 2" in err and ":Net' runs the code" in err and "--allow-code" in err
    assert main(["list"]) == 0
    assert contents(Path()) == before
    assert not is_imported()


def test_code_that_is_allowed_is_trained_and_resumed_only_if_allowed(study: str, capfd):
    assert main(["run", study, *FEW, "--allow-code"]) == 0
    assert is_imported()
    Path("imported").unlink()
    results = lpreg.read("run").results
    assert set(results["weights"]) == {64 * 5 + 5 * 10}
    capfd.readouterr()
    assert main(["run", "run/study.toml", *FEW]) == 2
    assert "--allow-code" in capfd.readouterr().err
    assert main(["run", "run/study.toml", *FEW, "--allow-code"]) == 0
    assert main(["show", "run"]) == 0
    assert "--allow-code" in capfd.readouterr().out.splitlines()[-1]


def test_load_refuses_code_too(study: str):
    assert main(["run", study, *FEW, "--allow-code"]) == 0
    with pytest.raises(FolderError, match="allow_code=True"):
        lpreg.load("run", arm="none")
    model = lpreg.load("run", arm="none", allow_code=True)
    assert model(torch.zeros(2, 64)).shape == (2, 10)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("width = 5", "with = 5"), ["model 'deep'", "does not take", "with"]),
        ((":Net", ":Nett"), ["model 'deep'", "Nett"]),
        ((':Net"', '/Net"'), ["model 2: unknown model kind", "package.module:callable"]),
        (('kind = "own', 'kind = "nothing.own'), ["model 'deep'", "nothing"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(study: str, change: tuple[str, str], says: list[str]):
    text = Path(study).read_text("utf-8")
    assert change[0] in text
    with pytest.raises(SpecError) as caught:
        check(parse(text.replace(*change), "some.toml"), "some.toml")
    assert "\n" not in str(caught.value)
    assert [words for words in says if words not in str(caught.value)] == []


def test_data_sets_that_are_not_asked_for_are_not_loaded(tmp_path: Path, monkeypatch):
    from lpreg.data import DATA

    monkeypatch.setitem(DATA, "absent", lambda: 1 / 0)
    other = '[[data]]\nname = "absent"\nsplit = { train = 1, val = 1, test = 1 }\n\n[[model]]'
    file = tmp_path / "two.toml"
    file.write_text(TINY.replace("[[model]]", other, 1), "utf-8")
    only = ["--only", "data=digits,model=small,arm=none", "--seeds", "1"]
    assert main(["run", str(file), *only, "--out", str(tmp_path / "run")]) == 0
