"""Matched strengths: a share of the gradient instead of a number."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

import lpreg
from lpreg import models
from lpreg.cli import main
from lpreg.data import load, split
from lpreg.study import SpecError, dump, members, parse
from lpreg.study.variant import quicken
from lpreg.train import generator
from tests.study.tiny import TINY, contents, write

SHARE = '{ match = "gradient-share", share = [0.01, 0.1] }'
ARMS = (
    'penalty = { kind = "L1", lam = [1e-4, 1e-3, 1e-2] }',
    f'penalty = {{ kind = "L1", lam = {SHARE} }}\nwhere = "first"',
)
NORM = f'{{ kind = "Norm", p = 3.0, lam = {SHARE.replace("[0.01, 0.1]", "0.5")} }}'
OTHER = ("[quick]", f'[[arm]]\nname = "norm"\npenalty = {NORM}\n\n[quick]')
FEW = ["--only", "model=deep,arm=L1-proximal,arm=norm"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("matched")
    assert main(["run", str(write(home, ARMS, OTHER)), *FEW, "--out", str(home / "run")]) == 0
    return home / "run"


def gradients() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights of the deep model at the start, and the gradient of its loss on all training data."""
    model = models.build("mlp", generator(0, "init"), inputs=[64], outputs=10, hidden=[5, 4])
    x, y = split(load("digits"), {"train": 100, "val": 50, "test": 60}, 0)["train"]
    cross_entropy(model(x / 16), y).backward()
    named = {name: p for name, p in model.named_parameters() if name.endswith("weight")}
    slopes = {name: p.grad for name, p in named.items() if p.grad is not None}
    return {name: p.detach() for name, p in named.items()}, slopes


def test_the_strength_gives_the_penalty_that_share_of_the_gradient(trained: Path):
    results = lpreg.read(trained).results
    weights, slopes = gradients()
    first = results[results["arm"] == "L1-proximal"]
    pull = weights["fc1.weight"].numel() ** 0.5
    expected = [share * float(slopes["fc1.weight"].norm()) / pull for share in (0.01, 0.1)]
    assert first["lam"].tolist() == pytest.approx([lam for lam in expected for _ in range(2)])
    assert first["share"].tolist() == [0.01, 0.01, 0.1, 0.1]
    norm = results[results["arm"] == "norm"]
    whole = torch.cat([slope.flatten() for slope in slopes.values()]).norm()
    each = [w.square() * w.norm(3) ** -2 for w in weights.values()]
    lam = 0.5 * float(whole / torch.cat([g.flatten() for g in each]).norm())
    assert norm["lam"].tolist() == pytest.approx([lam, lam])
    assert set(norm["share"]) == {0.5}


def test_the_member_is_what_the_study_says_and_not_what_was_measured(trained: Path):
    text = TINY.replace(*ARMS).replace(*OTHER)
    study = parse(text)
    assert parse(dump(study)) == study
    ids = [m.id for m in members(study) if m.model.name == "deep"]
    assert set(lpreg.read(trained).results["member"]) < set(ids)
    assert len(set(ids)) == len(ids)
    assert {m.lam for m in members(study) if m.asks_share} == {None}


def test_more_seeds_have_the_strengths_that_are_kept(trained: Path, tmp_path: Path):
    file, out = str(write(tmp_path, ARMS, OTHER)), str(tmp_path / "run")
    assert main(["run", file, *FEW, "--seeds", "1", "--out", out]) == 0
    kept = tmp_path / "run" / "matched.json"
    assert json.loads(kept.read_text("utf-8")) == json.loads(
        (trained / "matched.json").read_text("utf-8")
    )
    known = json.loads(kept.read_text("utf-8"))
    marked = {key: {**about, "lam": 0.125} for key, about in known.items()}
    kept.write_text(json.dumps(marked), "utf-8")
    assert main(["run", file, *FEW, "--seeds", "2", "--out", out]) == 0
    results = lpreg.read(out).results
    assert set(results.query("seed == 1")["lam"]) == {0.125}
    before = contents(tmp_path / "run")
    assert main(["run", file, *FEW, "--out", out]) == 0
    assert contents(tmp_path / "run") == before


def test_show_and_load_know_shares(trained: Path, capfd):
    assert main(["show", str(trained)]) == 0
    out = capfd.readouterr().out
    assert "share" in out.splitlines()[3]
    lam = lpreg.read(trained).results["lam"].iloc[0]
    assert f"{lam:.3g}" in out
    assert lpreg.load(trained, arm="L1-proximal", share=0.1, seed=0)
    with pytest.raises(SpecError, match=r"say also which lam"):
        lpreg.load(trained, arm="L1-proximal", seed=0)


def test_quick_takes_the_middle_share():
    text = TINY.replace(*ARMS).replace("[0.01, 0.1]", "[0.01, 0.1, 0.5]")
    shares = {m.share for m in members(quicken(parse(text), "x")) if m.asks_share}
    assert shares == {0.1}


def test_a_damaged_file_is_named_with_what_to_do(trained: Path, tmp_path: Path, capfd):
    out = tmp_path / "run"
    file = str(write(tmp_path, ARMS, OTHER))
    assert main(["run", file, *FEW, "--seeds", "1", "--out", str(out)]) == 0
    (out / "matched.json").write_text("{", "utf-8")
    capfd.readouterr()
    assert main(["run", file, *FEW, "--out", str(out)]) == 2
    err = capfd.readouterr().err
    assert "matched.json is damaged; delete it" in err
    assert err.count("\n") == 1


WRONG = {
    "L0": ('{ kind = "L0", lam = SHARE }', ["arm 3: penalty", "L0 has no gradient"]),
    "sum": ('[{ kind = "L1", lam = SHARE }, { kind = "L2", lam = 1 }]', ["arm 3: penalty", "sum"]),
    "share": ('{ kind = "L1", lam = { match = "gradient-share", share = 0 } }', ["share: 0"]),
    "match": ('{ kind = "L1", lam = { match = "loss", share = 1 } }', ["match = 'loss'"]),
    "key": ('{ kind = "L1", lam = { match = "gradient-share", shar = 1 } }', ["'share'?"]),
}


@pytest.mark.parametrize(("penalty", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(penalty: str, says: list[str]):
    changed = TINY.replace(ARMS[0], f"penalty = {penalty.replace('SHARE', SHARE)}")
    with pytest.raises(SpecError) as caught:
        parse(changed, "some.toml")
    assert str(caught.value).startswith("some.toml: arm 3")
    assert "\n" not in str(caught.value)
    assert [words for words in says if words not in str(caught.value)] == []


def test_layers_take_no_share():
    changed = TINY.replace(ARMS[0], f'layers = {{ "fc1.*" = {{ kind = "L1", lam = {SHARE} }} }}')
    with pytest.raises(SpecError, match=r"arm 3: layers: fc1\.\*: a share is of all"):
        parse(changed)
