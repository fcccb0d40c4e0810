"""What is measured of trained networks, against plain recomputations from the stored weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from safetensors.torch import load_file
from torch import Tensor, nn

import lpreg
from lpreg import data
from lpreg.analysis import sparsity
from lpreg.analysis.convergence import map_convergence
from lpreg.analysis.weightmaps import agreement, removals
from lpreg.cli import main
from lpreg.data import Dataset
from lpreg.structure import dead_units, effective
from lpreg.study import Member, members, parse
from lpreg.study.importance import importances
from lpreg.study.maps import inputs_of, weight_maps
from lpreg.study.measures import COARSE, complete, densities, ensembles, measure
from lpreg.study.network import builder, network
from lpreg.study.shelf import Kept, Lesson
from lpreg.study.store import Folder
from lpreg.train import Samples
from tests.study.tiny import TINY, write

ASK = ("evaluate_every = 2", 'evaluate_every = 1\nsnapshots = ["fc*.weight"]\nsnapshot_every = 2')
DIVERGE = ('{ kind = "L1", lam = 5e-2 }', '{ kind = "Lp", p = 3.0, lam = [1e-3, 1e6] }')
COLUMNS = ["member", "measure", "tensor", "at", "value"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the study: snapshots in recipe modern, members that diverge in recipe document."""
    home = tmp_path_factory.mktemp("measured")
    file = str(write(home, ASK, DIVERGE, ("width = 4", "width = 40")))
    assert main(["run", file, "--recipe", "all", "--out", str(home / "run")]) == 0
    return home / "run"


@pytest.fixture(scope="module")
def found(trained: Path) -> pd.DataFrame:
    return lpreg.read(trained).measures


def finished(folder: Path) -> pd.DataFrame:
    return lpreg.read(folder).results.query("status == 'ok'").set_index("member")


def planned(folder: Path) -> dict[str, Member]:
    text = (folder / "study.toml").read_text("utf-8")
    return {member.id: member for member in members(parse(text))}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if name.endswith("weight")}


def stored(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The weight tensors of the finished members, as the files of the folder hold them."""
    found = {member: {} for member in finished(folder).index}
    for file in (folder / "weights").iterdir():
        for name, tensor in load_file(file).items():
            member, _, parameter = name.partition("/")
            if member in found and parameter.endswith("weight"):
                found[member][parameter] = tensor
    return {member: dict(sorted(tensors.items())) for member, tensors in found.items()}


def of(found: pd.DataFrame, measure: str) -> pd.Series:
    """The values of a measure by member, summed over tensors."""
    return found[found["measure"] == measure].groupby("member")["value"].sum()


def test_the_finished_members_are_measured_and_no_others(trained: Path, found: pd.DataFrame):
    results = lpreg.read(trained).results
    assert (results["status"] == "diverged").sum() == 2
    assert list(found.columns) == COLUMNS
    assert list(found["member"].unique()) == finished(trained).index.tolist()
    keys = found[COLUMNS[:-1]]
    assert not keys.duplicated().any()


def test_zeros_are_those_of_the_stored_weights(trained: Path, found: pd.DataFrame):
    """Counted here to the weight, in all tables."""
    counts = lpreg.read(trained).sparsity.query("threshold == 0").groupby("member")["count"].sum()
    results = finished(trained)
    assert (results["zeros"] > 0).any()
    numbers = found.set_index(["member", "measure", "tensor"])["value"]
    for member, weights in stored(trained).items():
        zeros = sum(int((w == 0).sum()) for w in weights.values())
        assert results["zeros"][member] == counts[member] == zeros
        for name, w in weights.items():
            assert numbers[member, "zeros_bfloat16", name] == (w.to(torch.bfloat16) == 0).sum()
            levels = (w / (w.abs().max() / 127)).round().to(torch.int8)
            assert numbers[member, "zeros_int8", name] == (levels == 0).sum()
    assert of(found, "zeros_int8").sum() > results["zeros"].sum()


def test_all_weights_give_the_stored_predictions(trained: Path, found: pd.DataFrame):
    whole = found[found["at"] == 1.0].pivot(index="member", columns="measure", values="value")
    results = finished(trained).loc[whole.index]
    for part in ("val", "test"):
        assert whole[f"pruned_{part}_accuracy"].tolist() == results[f"{part}_accuracy"].tolist()


def accuracy(member: Member, model: nn.Module, part: str) -> float:
    own = data.load("digits")
    x, y = data.split(own, member.data.split.model_dump(), member.split_seed)[part]
    scale = own.scale if member.recipe.inputs == "scaled" else 1.0
    with torch.no_grad():
        return float((model(x / scale).argmax(1) == y).double().mean())


@pytest.mark.parametrize("density", [0.5, 0.1, 0.01])
def test_pruned_predictions_are_those_of_a_plain_network(
    trained: Path, found: pd.DataFrame, density: float
):
    results, study = finished(trained), planned(trained)
    there = found[found["at"] == density].set_index(["member", "measure"])["value"]
    differ = 0
    for member in results.index[::7]:
        model = lpreg.load(trained, member=member)
        weights = weights_of(model)
        sizes = torch.cat([w.abs().flatten() for w in weights.values()])
        least = sizes.topk(round(density * len(sizes))).values[-1]
        for w in weights.values():
            w[w.abs() < least] = 0
        for part in ("val", "test"):
            expected = accuracy(study[member], model, part)
            assert there[member, f"pruned_{part}_accuracy"] == pytest.approx(expected)
        differ += expected != pytest.approx(results["test_accuracy"][member])
    assert differ


def test_dead_units_and_paths(trained: Path, found: pd.DataFrame):
    zeros, paths = finished(trained)["zeros"], of(found, "effective_zeros")
    units = found[found["measure"] == "dead_units"].groupby("member")["value"].agg(list)
    for member, weights in stored(trained).items():
        chain = [*weights.values()]
        cut = sum(int((~mask).sum()) for mask in effective(chain))
        assert paths[member] == cut >= zeros[member]
        following = [*chain[1:], None]
        dead = [int(dead_units(*pair).sum()) for pair in zip(chain, following, strict=True)]
        assert units[member] == dead


def test_first_layers_are_measured_where_there_are_snapshots(trained: Path, found: pd.DataFrame):
    study, results = planned(trained), finished(trained)
    modern = results.index[results["recipe"] == "modern"].tolist()
    single = found[found["tensor"].isna() & found["at"].isna()]
    wide = single.pivot(index="member", columns="measure", values="value")
    assert wide["map_epoch"].dropna().index.sort_values().tolist() == sorted(modern)
    some = modern[::7]
    maps = weight_maps(trained, [study[member] for member in some])
    needs = importances(trained, some).groupby("member")
    inputs = inputs_of(study[some[0]])
    for member in some:
        epoch, converged = map_convergence(*maps[member])
        assert (wide["map_epoch"][member], wide["map_converged"][member]) == (epoch, converged)
        last, own = maps[member].scores[-1], needs.get_group(member)
        for name, count in removals(last, inputs.names, inputs.constant).items():
            assert wide[name][member] == count
        expected = agreement(last, own["importance"])
        assert wide["agreement"][member] == pytest.approx(expected, nan_ok=True)
        stored = found[found["member"] == member].sort_values("at")
        for name, column in (("importance", "importance"), ("importance_sd", "sd")):
            values = stored.loc[stored["measure"] == name, "value"]
            assert values.tolist() == own[column].tolist()
    assert "latitude_rank" not in wide


def test_measured_afterwards_it_is_the_same(trained: Path, found: pd.DataFrame, tmp_path: Path):
    run = shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(run / "measures")
    before = lpreg.read(run).measures
    assert before.empty
    assert list(before.columns) == COLUMNS
    assert_frame_equal(complete(run), found, check_exact=True)
    assert_frame_equal(lpreg.read(run).measures, found, check_exact=True)
    one = next((run / "measures").iterdir())
    one.unlink()
    assert_frame_equal(complete(run), found, check_exact=True)
    assert one.exists()


def test_what_cannot_be_stored_is_told_all_the_same(
    trained: Path, found: pd.DataFrame, tmp_path: Path
):
    run = shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(run / "measures")
    with Folder(run).locked():
        assert_frame_equal(complete(run), found, check_exact=True)
    assert not (run / "measures").exists()


def test_stacks_without_weights_have_no_measures(trained: Path, tmp_path: Path):
    run = shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(run / "measures")
    lost = next((run / "weights").iterdir())
    lost.unlink()
    gone = set(Folder(run).table(lost.stem, "results")["member"].to_pylist())
    assert set(complete(run)["member"]) == set(finished(run).index) - gone
    assert not (run / "measures" / f"{lost.stem}.parquet").exists()


def test_ensembles_against_the_mean_of_plain_networks(trained: Path):
    table, study = ensembles(trained), planned(trained)
    results = finished(trained).reset_index()
    settings = [name for name in table if name in results]
    expected = results.groupby(settings, sort=False, dropna=False)
    assert len(table) == len(expected)
    assert (table["n"] == 2).all()
    assert table["member_mean"].tolist() == pytest.approx(expected["test_accuracy"].mean().tolist())
    for row, (_, group) in list(zip(table.to_dict("records"), expected, strict=True))[::6]:
        member = study[group["member"].iloc[0]]
        models = [lpreg.load(trained, member=each) for each in group["member"]]
        together = _Mean(models)
        assert row["ensemble"] == pytest.approx(accuracy(member, together, "test"))


class _Mean(nn.Module):
    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([model(x).softmax(-1) for model in self.models]).mean(0)


# Networks that nothing has trained


CNN = """[[model]]
name = "small"
kind = "initial_cnn"
channels = [2, 3]
hidden = [5]
"""
RESNET = '[[model]]\nname = "small"\nkind = "resnet18"\nwidth = 2\n'
MLP = '[[model]]\nname = "small"\nkind = "mlp"\nhidden = [4]\nactivation = "arctan"\nbias = false\n'


def made(model: str, x: Tensor, y: Tensor, recipe: str = "", outputs: int = 10) -> tuple:
    """A member of a study with this model, and a lesson on 20 + 10 + 15 of these samples."""
    start, end = TINY.index("[[model]]"), TINY.index("[[recipe]]")
    text = TINY[:start] + model + "\n" + TINY[end:]
    text = text.replace("train = 100, val = 50, test = 60", "train = 20, val = 10, test = 15")
    text = text.replace('inputs = "scaled"', recipe).replace("batch_size = 32", "batch_size = 20")
    member = members(parse(text), ["modern"])[0]
    task = "regression" if y.is_floating_point() else "classification"
    own = Dataset("made", x, y, task, outputs)
    parts = data.split(own, member.data.split.model_dump(), 0)
    plain = network(member, own)
    return member, Lesson(own, Samples(parts, unit=2.0 if outputs == 1 else 1.0), plain)


def state_of(lesson: Lesson) -> dict[str, Tensor]:
    return dict(builder(lesson.network)(torch.Generator().manual_seed(0)).state_dict())


def measured(member: Member, lesson: Lesson, state: dict[str, Tensor]) -> pd.DataFrame:
    return measure([Kept(member, state, {})], lesson).to_pandas()


def images() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (45, 3, 16, 16), generator=random, dtype=torch.uint8)
    return x, torch.randint(10, (45,), generator=random)


def table() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(45, 6, generator=random), torch.randint(10, (45,), generator=random)


def test_dead_units_of_a_network_made_by_hand():
    member, lesson = made(MLP, *table())
    state = state_of(lesson)
    state["fc1.weight"][0] = 0  # unit 0 hears nothing
    state["fc2.weight"][:, 2] = 0  # unit 2 says nothing
    state["fc2.weight"][7] = 0  # output 7 hears nothing
    found = measured(member, lesson, state)
    dead = found[found["measure"] == "dead_units"].set_index("tensor")["value"]
    assert dead.to_dict() == {"fc1.weight": 2, "fc2.weight": 1}
    assert of(found, "zeros_bfloat16").item() == 6 + 10 + 4 - 1
    assert of(found, "effective_zeros").item() == 2 * 6 + 2 * 10 + 2


def test_channels_are_followed_into_the_linear_layers():
    member, lesson = made(CNN, *images())
    state = state_of(lesson)
    state["conv2.weight"][1] = 0
    state["fc1.weight"][:, :16] = 0  # what the first of three channels of 4 x 4 says
    found = measured(member, lesson, state)
    dead = found[found["measure"] == "dead_units"].set_index("tensor")["value"]
    assert dead.to_dict() == {
        "conv1.weight": 0,
        "conv2.weight": 2,
        "fc1.weight": 0,
        "fc2.weight": 0,
    }
    assert of(found, "effective_zeros").item() == 2 * 2 * 9 + 5 * 32


def test_a_network_with_shortcuts_is_no_chain():
    member, lesson = made(RESNET, *images())
    found = measured(member, lesson, state_of(lesson))
    assert "effective_zeros" not in set(found["measure"])
    assert (found["measure"] == "dead_units").sum() == 21


def test_squared_errors_are_told_in_the_unit_of_the_target():
    x, _ = table()
    recipe = 'loss = "mse"'
    member, lesson = made(MLP, x, x.sum(1), recipe, outputs=1)
    state = state_of(lesson)
    found = measured(member, lesson, state)
    model = builder(lesson.network)(torch.Generator())
    model.load_state_dict(state)
    x, y = lesson.samples.parts["test"]
    with torch.no_grad():
        expected = 4 * (model(x)[:, 0] - y).square().mean().item()
    whole = found[(found["measure"] == "pruned_test_mse") & (found["at"] == 1)]
    assert whole["value"].item() == pytest.approx(expected)


def test_large_images_are_pruned_at_fewer_densities_when_training_is_short():
    member, lesson = made(CNN, *images())
    assert densities(member, convolutional=False) == sparsity.DENSITIES
    assert densities(member, convolutional=True) == COARSE
    longer = member.recipe.model_copy(update={"epochs": 200})
    assert densities(replace(member, recipe=longer), convolutional=True) == sparsity.DENSITIES
    found = measured(member, lesson, state_of(lesson))
    assert sorted(found["at"].dropna().unique(), reverse=True) == list(COARSE)


def test_the_rank_of_the_latitude():
    x, y = table()
    member, lesson = made(MLP, x, y)
    names = ("longitude", "latitude", "a", "b", "c", "d")
    lesson = replace(lesson, dataset=replace(lesson.dataset, features=names))
    state = state_of(lesson)
    for bright, rank in (([1, 5, 2, 7, 9, 0], 3), ([1, 0, 0, 7, 9, 0], 4), ([0] * 6, None)):
        copies = np.array([np.ones((4, 6)), np.tile(bright, (4, 1))])
        kept = Kept(member, state, {"epoch": np.array([0, 4]), "fc1.weight": copies})
        found = measure([kept], lesson).to_pandas()
        ranks = found.loc[found["measure"] == "latitude_rank", "value"].tolist()
        assert ranks == ([] if rank is None else [rank])
