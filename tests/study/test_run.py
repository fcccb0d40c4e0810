"""`lpreg run` and `lpreg show`: what they store, what they print, what they refuse."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import lpreg
from lpreg.cli import main
from lpreg.data import load, split
from lpreg.models import Dropout
from lpreg.study import FolderError, SpecError, members, parse
from lpreg.study.store import Folder
from tests.study.tiny import TINY, contents, write

RESULTS = [
    *("study", "member", "data", "model", "recipe", "lr", "momentum", "batch_size"),
    *("arm", "penalty", "p", "lam", "strengths", "l1_ratio", "dropout", "share"),
    *("coupling", "where"),
    *("seed", "status", "epochs", "best_epoch", "weights", "zeros", "zeros_dead", "zeros_1e-3"),
    *("mean_abs_weight", "penalty_value", "seconds", "train_loss", "train_accuracy"),
    *("val_loss", "val_accuracy", "test_loss", "test_accuracy", "best_val_accuracy"),
    "unit",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole tiny study, trained undisturbed. To be read only."""
    home = tmp_path_factory.mktemp("trained")
    assert main(["run", str(write(home)), "--recipe", "all", "--out", str(home / "run")]) == 0
    return home / "run"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of one's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def timeless(folder: Path) -> list[pd.DataFrame]:
    """All tables without the wall time."""
    results, *others = lpreg.read(folder)
    return [results.drop(columns="seconds"), *others]


def assert_same(one: Path, other: Path) -> None:
    """Equal number for number."""
    for a, b in zip(timeless(one), timeless(other), strict=True):
        assert_frame_equal(a, b, check_exact=True)


def test_a_folder_holds_a_row_per_member_in_the_order_of_the_study(trained: Path):
    results, curves, sparsity, _ = lpreg.read(trained)
    wanted = members(parse(TINY))
    assert list(results.columns) == RESULTS
    assert list(results["member"]) == [m.id for m in wanted]
    assert list(results["arm"]) == [m.arm.name for m in wanted]
    assert (results["status"] == "ok").all()
    epochs = {m.id: [0, 2, 4] if m.recipe.name == "modern" else [0, 3, 6] for m in wanted}
    assert curves.groupby("member")["epoch"].agg(list).to_dict() == epochs
    assert set(sparsity["member"]) == set(results["member"])
    assert {p.name for p in trained.iterdir()} == {
        *("study.toml", "plan.json", "environment.json"),
        *("results", "curves", "sparsity", "measures", "weights"),
    }
    assert parse((trained / "study.toml").read_text("utf-8")) == parse(TINY)
    assert json.loads((trained / "environment.json").read_text("utf-8"))["torch"]


def test_rows_say_what_the_member_is(trained: Path):
    rows = lpreg.read(trained).results
    one = "model == 'small' and arm == 'L1-proximal' and lam == 1e-2 and seed == 1"
    row = rows.query(one).iloc[0]
    assert (row["penalty"], row["p"], row["coupling"], row["where"]) == (
        *("L1", 1.0, "proximal"),
        "weights",
    )
    assert (row["batch_size"], row["epochs"], row["weights"]) == (32, 4, 444)
    assert row["zeros"] > row["zeros_dead"] > 0
    plain = lpreg.read(trained).results.query("arm == 'none'")
    assert plain[["penalty", "p", "lam", "coupling", "where", "dropout"]].isna().all(axis=None)
    assert (plain["zeros"] == 0).all()
    full = lpreg.read(trained).results.query("recipe == 'document' and arm == 'L1'")
    assert set(full["where"]) == {"first"}
    assert set(full["batch_size"]) == {100}


def test_results_curves_and_sparsity_agree(trained: Path):
    results, curves, sparsity, _ = lpreg.read(trained)
    last = curves.groupby("member", sort=False).last()
    for column in ("val_loss", "test_accuracy", "zeros", "penalty_value"):
        assert np.array_equal(last[column], results[column])
    best = curves.groupby("member", sort=False)["val_accuracy"].max()
    assert np.array_equal(best, results["best_val_accuracy"])
    total = curves["train_loss"] + curves["penalty_value"]
    assert np.allclose(total, curves["total_loss"])
    counts = sparsity.groupby(["member", "threshold"], sort=False)["count"].sum().unstack()
    assert np.array_equal(counts[0.0], results["zeros"])
    assert len(counts.columns) == 26
    assert (counts.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    sizes = sparsity.drop_duplicates(["member", "tensor"]).groupby("member", sort=False)["size"]
    assert np.array_equal(sizes.sum(), results["weights"])


def test_a_loaded_network_has_the_recorded_accuracy(trained: Path):
    chosen = {"model": "deep", "arm": "L1-proximal", "lam": 1e-2, "seed": 1}
    model = lpreg.load(trained, **chosen)
    parts = split(load("digits"), {"train": 100, "val": 50, "test": 60}, 0)
    results = lpreg.read(trained).results
    row = results.query("model == 'deep' and arm == 'L1-proximal' and lam == 1e-2 and seed == 1")
    for part, (x, y) in parts.items():
        accuracy = (model(x / 16).argmax(1) == y).double().mean()
        assert accuracy.item() == pytest.approx(row[f"{part}_accuracy"].item(), abs=1e-6)
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    assert sum(int((w == 0).sum()) for w in weights) == row["zeros"].item()


def test_a_loaded_dropout_network_predicts_without_noise(trained: Path):
    model = lpreg.load(trained, model="deep", arm="dropout", seed=0)
    x = torch.rand(5, 64)
    assert torch.equal(model(x), model(x))


def test_a_loaded_network_has_the_dropout_it_was_trained_with(trained: Path):
    def rates(arm: str) -> list[float]:
        model = lpreg.load(trained, model="deep", arm=arm, seed=0)
        return [each.rate for each in model.modules() if isinstance(each, Dropout)]

    assert rates("dropout") and set(rates("dropout")) == {0.3}
    assert rates("none") == []


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ({"arm": "L1-proximal", "model": "small", "seed": 0}, ["lam", "0.0001, 0.001, 0.01"]),
        ({"arm": "none", "model": "deep"}, ["seed", "0, 1"]),
        ({"arm": "L7"}, ["arm='L7'", "none, L1"]),
        ({"arn": "L1"}, ["unknown column 'arn'", "did you mean 'arm'"]),
    ],
)
def test_load_asks_for_what_it_needs_to_know(trained: Path, which: dict, says: list[str]):
    with pytest.raises(SpecError) as caught:
        lpreg.load(trained, **which)
    assert [words for words in says if words not in str(caught.value)] == []


def test_of_large_models_the_first_seed_is_kept(home: Path):
    large = ("hidden = [6]", "hidden = [1500]"), ("epochs = 4", "epochs = 1")
    arguments = ["--only", "model=small,arm=none", "--out", "run"]
    assert main(["run", str(write(home, *large)), *arguments]) == 0
    assert lpreg.load("run", seed=0)
    with pytest.raises(FolderError, match="keep_weights"):
        lpreg.load("run", seed=1)
    kept = write(home, *large, ("seeds = 2", 'seeds = 2\nkeep_weights = "all"'))
    assert main(["run", str(kept), *arguments[:2], "--out", "all"]) == 0
    assert lpreg.load("all", seed=1)


def test_a_finished_study_is_not_trained_again(trained: Path, capfd):
    before = contents(trained)
    again = ["run", str(trained / "study.toml"), "--recipe", "all", "--out", str(trained)]
    assert main(again) == 0
    assert contents(trained) == before
    out, err = capfd.readouterr()
    assert "small, 444 weights, digits, recipe document" in out
    assert out.splitlines()[-1].startswith("next: ")
    assert err == ""


def test_parts_add_up_to_the_whole(trained: Path, home: Path):
    file = str(write(home))
    assert main(["run", file, "--only", "model=small,arm=L1-proximal", "--out", "run"]) == 0
    assert len(lpreg.read("run").results) == 6
    before = contents(home / "run" / "results")
    assert main(["run", file, "--only", "seed=0", "--only", "model=deep", "--out", "run"]) == 0
    assert main(["run", file, "--out", "run"]) == 0
    assert main(["run", file, "--recipe", "document", "--out", "run"]) == 0
    assert before.items() <= contents(home / "run" / "results").items()
    parts, whole = lpreg.read("run"), lpreg.read(trained)
    numbers = ["member", "val_loss", "mean_abs_weight", "zeros"]
    assert_frame_equal(parts.results[numbers], whole.results[numbers], rtol=1e-4)


def test_more_seeds_extend_a_folder(home: Path):
    file = str(write(home, ("epochs = 4", "epochs = 1")))
    assert main(["run", file, "--seeds", "1", "--out", "run"]) == 0
    first = contents(home / "run" / "results")
    one = lpreg.read("run").results
    assert main(["run", file, "--seeds", "3", "--out", "run"]) == 0
    assert first.items() <= contents(home / "run" / "results").items()
    three = lpreg.read("run").results
    assert three["member"].is_unique
    assert_frame_equal(three.query("seed == 0").reset_index(drop=True), one, check_exact=True)
    assert sorted(set(three["seed"])) == [0, 1, 2]
    assert main(["run", file, "--seeds", "2", "--out", "run"]) == 0
    assert len(lpreg.read("run").results) == len(three)


def test_a_new_arm_extends_a_folder_and_a_changed_one_is_another_study(home: Path, capfd):
    only = ["--only", "model=small", "--out", "run"]
    assert main(["run", str(write(home, ("epochs = 4", "epochs = 1"))), *only]) == 0
    arm = '[[arm]]\nname = "L2"\npenalty = { kind = "L2", lam = 1e-3 }\n\n[quick]'
    changes = ("epochs = 4", "epochs = 1"), ("[quick]", arm)
    assert main(["run", str(write(home, *changes)), *only]) == 0
    assert len(lpreg.read("run").results.query("arm == 'L2'")) == 2
    capfd.readouterr()
    before = contents(home / "run")
    for change, says in (
        (("dropout = 0.3", "dropout = 0.4"), "arm: dropout: dropout = 0.3 there and 0.4 here"),
        (("lr = 1e-2", "lr = 1e-3"), "recipe: modern: lr = 0.01 there and 0.001 here"),
        (("hidden = [6]", "hidden = [7]"), "model: small: hidden = [6] there and [7] here"),
        (('name = "L1-proximal"', 'name = "L1-p"'), "L1-proximal is missing here"),
        (("\nlr = 1e-2", "\nweight_decay = 0.1\nlr = 1e-2"), "weight_decay = 0.0 there"),
    ):
        other = ["run", str(write(home, *changes, change)), *only]
        assert main(other) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert says in err
        assert err.count("\n") == 1
        assert contents(home / "run") == before


def test_quick_writes_to_a_folder_of_its_own(home: Path):
    assert main(["run", str(write(home)), "--quick"]) == 0
    results = lpreg.read("runs/tiny-quick").results
    assert set(results["study"]) == {"tiny-quick"}
    assert len(results) == 2 * 4
    assert set(results["epochs"]) == {2}


def test_a_dry_run_changes_nothing(home: Path, capfd):
    file = str(write(home))
    before = contents(home)
    assert main(["run", file, "--recipe", "all", "--dry-run"]) == 0
    assert contents(home) == before
    out = capfd.readouterr().out
    assert "document" in out
    assert "14" in out
    assert out.splitlines()[-1].startswith("next: ")


def test_a_diverged_member_is_a_row_and_leaves_the_others_alone(home: Path):
    cubes = ('{ kind = "L1", lam = 5e-2 }', '{ kind = "Lp", p = 3.0, lam = [1e-3, 1e6] }')
    command = ["run", str(write(home, cubes)), "--recipe", "document", "--out", "run"]
    assert main(command) == 0
    results = lpreg.read("run").results
    lost = results["status"] == "diverged"
    assert list(lost) == list(results["lam"] == 1e6)
    assert results.loc[lost, ["train_loss", "val_accuracy"]].isna().all(axis=None)
    assert results.loc[~lost, ["train_loss", "val_accuracy"]].notna().all(axis=None)
    assert main(["run", command[1], "--recipe", "document", "--only", "lam=1e6", "--out", "1"]) == 0
    assert main(["show", "1"]) == 0


def test_a_stack_that_raises_leaves_the_others_stored(home: Path, monkeypatch, capfd):
    from lpreg.study import execute

    train = execute.train

    def fail_once(task, tick):
        if task.members[0].model.name == "deep":
            raise MemoryError("too much")
        return train(task, tick)

    file = str(write(home, ("epochs = 4", "epochs = 1")))
    monkeypatch.setattr(execute, "train", fail_once)
    assert main(["run", file, "--out", "run"]) == 1
    assert "too much" in capfd.readouterr().err
    stored = lpreg.read("run").results
    assert set(stored["model"]) == {"small"}
    monkeypatch.undo()
    assert main(["run", file, "--out", str(home / "run")]) == 0
    assert len(lpreg.read(home / "run").results) == 2 * len(stored)


def refused(arguments: list[str], folder: Path, capfd) -> str:
    """Run a command that must be refused in one line and change nothing under the folder."""
    before = contents(folder)
    capfd.readouterr()
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert contents(folder) == before
    return err


@pytest.mark.parametrize("kind", ["results", "curves", "sparsity", "measures"])
def test_a_truncated_file_is_named_with_what_to_do(trained: Path, home: Path, kind: str, capfd):
    run = shutil.copytree(trained, home / "run")
    file = next((run / kind).glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-50])
    again = ["run", str(run / "study.toml"), "--recipe", "all", "--out", "run"]
    for command in (again, ["show", "run"]):
        message = refused(command, home, capfd)
        assert f"run/{kind}/{file.name} is damaged" in message
        assert f"delete run/results/{file.name}" in message
    (run / "results" / file.name).unlink()
    assert main(again) == 0
    assert_same(run, trained)


def test_what_was_being_written_when_the_power_went_is_no_result(trained: Path, home: Path):
    run = shutil.copytree(trained, home / "run")
    file = next((run / "results").glob("*.parquet"))
    file.rename(file.with_name(f".{file.name}.part"))
    assert main(["run", str(run / "study.toml"), "--recipe", "all", "--out", "run"]) == 0
    assert_same(run, trained)
    assert not list(run.rglob("*.part"))


def test_mistakes_in_a_command_are_one_line(trained: Path, home: Path, capfd):
    file = str(write(home))
    (home / "other").mkdir()
    (home / "other" / "letter.txt").write_text("Dear", "utf-8")
    (home / "broken.toml").write_text("[study", "utf-8")
    out = ["--out", "run"]
    for arguments, says in (
        (["run", "shaeps"], "did you mean 'shapes'?"),
        (["run", "no.toml"], "no.toml does not exist"),
        (["run", "broken.toml"], "broken.toml: not valid TOML"),
        (["run", "other/letter.txt"], "ends in .toml"),
        (["run", file, *out, "--recipe", "moden"], "did you mean 'modern'?"),
        (["run", file, *out, "--only", "modl=small"], "did you mean 'model'?"),
        (["run", file, *out, "--only", "model=smal"], "did you mean 'small'?"),
        (["run", file, *out, "--only", "lam=7"], "allowed: None, 0.0001"),
        (["run", file, *out, "--seeds", "0"], "--seeds"),
        (["run", file, *out, "--seds", "1"], "--seds"),
        (["run", file, *out, "--device", "gpu"], "gpu"),
        (["run", file, "--out", "other"], "holds something that is no study"),
        (["run", file, "--out", file], "is a file"),
        (["run", file, "--out", f"{file}/run"], "cannot write to"),
        (["run", file, "--epochs", "9", "--out", str(trained)], "holds another study"),
        (["show", "other"], "holds something that is no study"),
        (["show", "none"], "holds no study"),
        (["show"], "runs/ holds no study"),
        (["show", "shaps", "--toml"], "did you mean 'shapes'?"),
        (["draw"], "draw"),
    ):
        assert says in refused(arguments, home, capfd), arguments


def test_a_second_process_is_refused(home: Path, capfd):
    file = str(write(home))
    with Folder("run").locked():
        assert "another process is at work in run" in refused(
            ["run", file, "--out", "run"], home, capfd
        )
    assert main(["run", file, "--only", "model=small,arm=none", "--out", "run"]) == 0


@pytest.mark.parametrize(
    ("choice", "says"),
    [("arm=none,coupling=loss", "no member has all of these"), ("small", "write key=value")],
)
def test_a_choice_of_nothing_is_refused(home: Path, capfd, choice: str, says: str):
    assert main(["run", str(write(home)), "--only", choice, "--out", str(home / "run")]) == 2
    assert says in capfd.readouterr().err
    assert not (home / "run").exists()


def test_show_prints_markdown(trained: Path, capfd):
    assert main(["show", str(trained), "--markdown"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert any(line.startswith("### small, ") for line in lines)
    rows = [line for line in lines if line.startswith("|")]
    heads = [line for line in rows if line.replace(" ", "").startswith("|arm|")]
    assert any("mean \\|w\\|" in head for head in heads)
    for line in rows:
        bars = line.replace("\\|", "").count("|")
        assert bars in {head.replace("\\|", "").count("|") for head in heads}


def test_show_prints_the_tables_and_draws(trained: Path, home: Path, capfd):
    run = shutil.copytree(trained, home / "runs" / "tiny")
    assert main(["show"]) == 0
    out = capfd.readouterr().out
    for words in ("A tiny study", "deep, 380 weights", "recipe document", "L1-proximal", "none"):
        assert words in out
    assert "exact zeros" in out
    assert {path.suffix for path in (run / "figures").iterdir()} == {".png", ".svg"}
    assert main(["run", str(run / "study.toml"), "--recipe", "all"]) == 0


def test_list_and_the_text_of_a_study(capfd):
    assert main(["list"]) == 0
    out = capfd.readouterr().out
    assert "shapes" in out
    assert "The shapes of regularization" in out
    assert main(["show", "shapes", "--toml"]) == 0
    text = capfd.readouterr().out
    assert parse(text).name == "shapes"
    assert text.splitlines()[-1].startswith("# next: ")
