"""`lpreg.compare`: what it recommends, how it goes on, and the network that it hands over."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import lpreg
from lpreg.comparison import answer, ask, subject
from lpreg.comparison.questions import Silent
from lpreg.study.errors import FolderError, SpecError
from tests.study.tiny import contents

SHORT = {"epochs": 4, "lr": 0.02}


@pytest.fixture(scope="module", autouse=True)
def _no_report() -> Iterator[None]:
    """The page takes seconds, and the test of the command has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lpreg.comparison.questions._write_report", lambda folder: None)
        yield


def few(out: Path, table: Path, **changes) -> lpreg.Comparison:
    """A comparison that ends soon."""
    given = {"target": "price", "arms": ["none", "L1"], "seeds": 2, "recipe": SHORT, "workers": 1}
    return lpreg.compare("mlp:3", table, out=out, **{**given, **changes})


@pytest.fixture(scope="module")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> lpreg.Comparison:
    """One that has ended."""
    return few(tmp_path_factory.mktemp("whole") / "run", table)


@pytest.fixture
def copied(whole: lpreg.Comparison, tmp_path: Path) -> Path:
    """A copy of its folder, to go on in."""
    shutil.copytree(whole.folder, tmp_path / "run")
    return tmp_path / "run"


def numbers(found: lpreg.Comparison) -> pd.DataFrame:
    """All that is measured, and not the time that it took."""
    return found.results.drop(columns="seconds")


def test_where_few_inputs_matter_a_sparse_penalty_is_recommended(tmp_path: Path):
    random = np.random.default_rng(1)
    x = random.normal(size=(90, 30))
    y = 3 * x[:, 4] - 2 * x[:, 17] + random.normal(size=90)
    found = lpreg.compare(
        "linear",
        (x, y),
        arms=["none", "L2", "L1"],
        seeds=3,
        out=tmp_path / "run",
        recipe={"epochs": 40, "lr": 0.05},
        rounds=1,
        workers=1,
    )
    assert found.recommendation.startswith("Use L1 at λ = ")
    assert found.ranking.set_index("arm")["zeros_share"]["L1"] > 0.5
    weight = found.model.network.get_parameter("fc1.weight")[0]
    assert weight.abs().topk(2).indices.sort().values.tolist() == [4, 17]
    assert (weight == 0).float().mean() > 0.5


def test_the_second_round_surrounds_the_best_of_the_first(whole: lpreg.Comparison):
    results = whole.results[whole.results["arm"] == "L1"]
    shares = [float(share) for share in results["share"].unique()]
    means = {share: results[results["share"] == share]["val_mse"].mean() for share in shares}
    around = {0.01: [0.0032, 0.032], 0.1: [0.032, 0.32], 1.0: [3.2, 10.0]}
    best = min(around, key=lambda share: means[share])
    assert sorted(means) == pytest.approx(sorted([*around, *around[best]]))


def test_called_again_it_trains_nothing_and_says_the_same(
    whole: lpreg.Comparison, copied: Path, table: Path
):
    before = {file: file.stat().st_mtime_ns for file in copied.rglob("*.*")}
    again = few(copied, table)
    assert str(again) == str(whole)
    assert {file: file.stat().st_mtime_ns for file in copied.rglob("*.*")} == before


@pytest.mark.parametrize("stacks", [1, 3], ids=["first round", "second round"])
def test_interrupted_it_goes_on_with_the_same_numbers(
    tmp_path: Path, whole: lpreg.Comparison, table: Path, stacks: int
):
    question = ask("mlp:3", subject(table, "price", None, {}), ["none", "L1"], 2, recipe=SHORT)
    with pytest.raises(KeyboardInterrupt):
        answer(question, tmp_path / "run", workers=1, watch=Impatient(stacks))
    assert 0 < len(lpreg.read(tmp_path / "run").results) < len(whole.results)
    resumed = few(tmp_path / "run", table)
    pd.testing.assert_frame_equal(numbers(resumed), numbers(whole))
    assert resumed.recommendation == whole.recommendation
    x = torch.randn(4, 5)
    assert torch.equal(resumed.model(x), whole.model(x))


class Impatient(Silent):
    """Presses Ctrl-C when so many stacks are stored and the next one ends."""

    def __init__(self, stacks: int) -> None:
        self.left = stacks

    def finish(self, stack: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_more_seeds_and_arms_add_to_a_folder(whole: lpreg.Comparison, copied: Path, table: Path):
    more = few(copied, table, seeds=3, arms=["none", "L1", "L2"])
    kept = more.results[more.results["member"].isin(whole.results["member"])]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), whole.results)
    assert more.results.groupby("arm")["seed"].nunique().to_dict() == {"none": 3, "L1": 3, "L2": 3}


OTHER = {
    "network": ({"recipe": SHORT}, "mlp:4", "model: mlp-3 is missing here"),
    "recipe": ({"recipe": {**SHORT, "lr": 0.1}}, "mlp:3", "lr = 0.02 there and 0.1 here"),
    "arms": ({"arms": ["none"]}, "mlp:3", "arm: L1 is missing here"),
}


@pytest.mark.parametrize(("changes", "model", "says"), OTHER.values(), ids=OTHER.keys())
def test_another_comparison_in_the_folder_is_refused(
    copied: Path, table: Path, changes: dict, model: str, says: str
):
    given = {"target": "price", "arms": ["none", "L1"], "seeds": 2, "recipe": SHORT, **changes}
    with pytest.raises(FolderError, match="another comparison") as caught:
        lpreg.compare(model, table, out=copied, workers=1, **given)
    assert says in str(caught.value)


def test_other_data_in_the_folder_are_refused(tmp_path: Path):
    x, y = np.random.default_rng(0).normal(size=(2, 40, 1))
    given = {"arms": ["none"], "seeds": 1, "rounds": 1, "recipe": SHORT, "out": tmp_path / "run"}
    first = lpreg.compare("linear", (x, y), **given)
    assert lpreg.compare("linear", (x, y), **given).results.equals(first.results)
    before = contents(tmp_path)
    with pytest.raises(FolderError, match=r"changed|another"):
        lpreg.compare("linear", (x, y + 1), **given)
    assert contents(tmp_path) == before


# ---- the network --------------------------------------------------------------------------------


def test_the_network_takes_rows_as_they_came(tmp_path: Path, houses: pd.DataFrame, table: Path):
    found = few(tmp_path / "run", table, arms=["none"], rounds=1, recipe={"epochs": 60, "lr": 0.02})
    model = found.model
    predicted = model.predict(houses)
    assert predicted.shape == (60,)
    assert np.corrcoef(predicted, houses["price"])[0, 1] > 0.9
    np.testing.assert_allclose(model.predict(table), predicted, rtol=1e-6)
    np.testing.assert_allclose(
        model.predict(houses.drop(columns=["price", "country"])[::-1]), predicted[::-1], rtol=1e-6
    )
    loaded = lpreg.Comparison(tmp_path / "run").model
    np.testing.assert_array_equal(loaded.predict(houses), predicted)
    assert sorted(f.name for f in (tmp_path / "run" / "model").iterdir()) == [
        "model.toml",
        "weights.safetensors",
    ]


def test_what_is_missing_counts_as_the_mean_of_all_rows(
    whole: lpreg.Comparison, houses: pd.DataFrame
):
    model = whole.model
    row = houses.iloc[[0]]
    gap, mean = row.assign(size=np.nan), row.assign(size=houses["size"].mean())
    np.testing.assert_allclose(model.predict(gap), model.predict(mean), rtol=1e-5)
    assert not np.allclose(model.predict(gap), model.predict(row))
    unknown = model.predict(row.assign(town="Dresden"))
    assert np.isfinite(unknown).all()
    with pytest.raises(ValueError, match="no column 'size'"):
        model.predict(houses.drop(columns="size"))
    with pytest.raises(ValueError, match="'size' is 'large', and was numbers"):
        model.predict(row.assign(size="large"))


def test_classes_come_back_by_their_names(tmp_path: Path):
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    names = np.where(x[:, 0] > 0, "north", "south")
    found = lpreg.compare(
        lambda inputs, outputs: nn.Linear(inputs, outputs),
        (x, names),
        arms=["none"],
        seeds=2,
        rounds=1,
        recipe={"epochs": 40, "lr": 0.05},
        out=tmp_path / "run",
    )
    assert (found.model.predict(x) == names).mean() > 0.9
    np.testing.assert_allclose(found.model.predict_proba(x).sum(1), 1, rtol=1e-5)
    assert "test accuracy" in found.recommendation
    assert found.recommendation.replace("<", "&lt;") in found._repr_html_()


# ---- networks of one's own ----------------------------------------------------------------------


class Plain(nn.Module):
    """Layers with noise and a normalization, as people have them."""

    def __init__(self, inputs: int, outputs: int, looks: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4), nn.Dropout(0.2))
        self.last = nn.Linear(4, outputs)
        self.looks = looks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.layers(x)
        if self.looks and hidden.sum() > 0:
            hidden = -hidden
        return self.last(hidden)


OWN = {
    "sizes by name": lambda inputs, outputs: Plain(inputs, outputs),
    "sizes by place": lambda n, k: nn.Sequential(nn.Linear(n, 3), nn.ReLU(), nn.Linear(3, k)),
    "nothing": lambda: nn.Linear(3, 1),
    "no stack possible": lambda inputs, outputs: Plain(inputs, outputs, looks=True),
    "a class of torch": nn.Linear,
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN.keys())
def test_any_factory_of_networks_will_do(tmp_path: Path, make):
    x = np.random.default_rng(0).normal(size=(40, 3))
    given = {"arms": ["none", "L2"], "seeds": 1, "rounds": 1, "recipe": {"epochs": 2}, "workers": 1}
    found = lpreg.compare(make, (x, x[:, 0]), out=tmp_path / "run", **given)
    assert (found.results["status"] == "ok").all()
    assert found.model.predict(x).shape == (40,)
    assert found.results["arm"].tolist() == ["none", *["L2"] * 3]


def test_a_function_is_known_by_what_it_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(width: int):
        return lambda inputs, outputs: nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs)
        )

    x = np.random.default_rng(0).normal(size=(40, 3))
    given = {"arms": ["none"], "seeds": 1, "rounds": 1, "recipe": {"epochs": 1}}
    given["out"] = tmp_path / "run"
    first = lpreg.compare(make(3), (x, x[:, 0]), **given)
    again = lpreg.compare(make(3), (x, x[:, 0]), **given)
    assert again.results.equals(first.results)
    with pytest.raises(FolderError, match="another comparison"):
        lpreg.compare(make(4), (x, x[:, 0]), **given)
    monkeypatch.setattr("lpreg.comparison.networks._here", {})  # as in the process of tomorrow
    with pytest.raises(ValueError, match="give it again as make_model"):
        lpreg.Comparison(tmp_path / "run").model.predict(x)
    model = lpreg.Comparison(tmp_path / "run", make_model=make(3)).model
    np.testing.assert_array_equal(model.predict(x), first.model.predict(x))


WRONG = {
    "a network": (nn.Linear(3, 1), {}, "a fresh one is needed for every seed"),
    "no network": ("mpl:3", {}, "model 'mpl:3'"),
    "no sizes": ("mlp", {}, 'allowed: "mlp:64,64"'),
    "wrong outputs": (lambda: nn.Linear(3, 2), {}, r"makes \(2, 2\); needed: \(2, 1\)"),
    "wrong inputs": (lambda: nn.Linear(5, 1), {}, r"does not take inputs of the shape \[3\]"),
    "more arguments": (lambda a, b, c: nn.Linear(3, 1), {}, "needs a, b, c"),
    "an unknown arm": ("linear", {"arms": ["L7"]}, "unknown arm 'L7'"),
    "dropout of a linear one": ("linear", {"arms": ["none", "dropout"]}, "takes no dropout rate"),
    "no seeds": ("linear", {"seeds": 0}, "seeds = 0"),
    "an unknown key": ("linear", {"recipe": {"epoch": 3}}, "did you mean 'epochs'"),
    "a target of arrays": ("linear", {"target": "y"}, "leave it out"),
}


@pytest.mark.parametrize(("make", "changes", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_compared_is_said(tmp_path: Path, make, changes: dict, says: str):
    x = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(SpecError, match=says):
        lpreg.compare(make, (x, x[:, 0]), out=tmp_path / "run", **changes)
    assert not (tmp_path / "run" / "study.toml").exists()
