"""Sums of penalties, a strength per layer: how a study says it, and what becomes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import lpreg
from lpreg import L1, L2
from lpreg.cli import main
from lpreg.study import SpecError, dump, members, parse
from lpreg.study.variant import quicken
from tests.study.tiny import TINY, write

SUM = '[{ kind = "L1", lam = [1e-4, 1e-2] }, { kind = "L2", lam = [5e-5, 5e-3] }]'
LAYERS = (
    '{ "fc1.*" = { kind = "L1", lam = [1e-3, 1e-2] }, '
    '"fc2.*" = [{ kind = "L1", lam = 1e-2 }, { kind = "L2", lam = 0.5 }] }'
)
ARMS = f"""
[[arm]]
name = "both"
penalty = {SUM}
coupling = "proximal"

[[arm]]
name = "layers"
layers = {LAYERS}

[quick]"""


def study(arm: str) -> str:
    """The tiny study with one more arm."""
    return TINY.replace("[quick]", f'[[arm]]\nname = "new"\n{arm}\n\n[quick]')


def strengths(arm: str) -> list[list[Any]]:
    """Of the members of an arm, in the order of the study."""
    found = [m for m in members(parse(study(arm)), ["modern"]) if m.arm.name == "new"]
    one = [m for m in found if (m.model.name, m.seed) == ("small", 0)]
    return [[term.lam for term in m.arm.terms] for m in one]


def test_members_of_older_studies_keep_their_identity():
    """As stored in run folders since the first version."""
    ids = [member.id for member in members(parse(TINY))]
    assert ids[::9] == ["8486bcdd4add", "62563de21f8f", "7f39953f066c", "fd1ab7a4535d"]


def test_lists_of_strengths_make_a_product():
    corners = [[1e-4, 5e-5], [1e-4, 5e-3], [1e-2, 5e-5], [1e-2, 5e-3]]
    assert strengths(f"penalty = {SUM}") == corners
    assert strengths(f"layers = {LAYERS}") == [[1e-3, 1e-2, 0.5], [1e-2, 1e-2, 0.5]]


def test_such_studies_round_trip_with_different_members():
    text = TINY.replace("[quick]", ARMS)
    read = parse(text)
    assert parse(dump(read)) == read
    ids = [member.id for member in members(read)]
    assert ids == [member.id for member in members(parse(dump(read)))]
    assert len(set(ids)) == len(ids) == len(members(parse(TINY))) + 2 * 2 * (4 + 2)


def test_the_order_of_the_layers_is_part_of_a_member():
    arm = 'layers = { "*" = { kind = "L1", lam = 1 }, "fc1.*" = { kind = "L2", lam = 1 } }'
    other = 'layers = { "fc1.*" = { kind = "L2", lam = 1 }, "*" = { kind = "L1", lam = 1 } }'
    ids = [
        {m.id for m in members(parse(study(each))) if m.arm.name == "new"} for each in (arm, other)
    ]
    assert ids[0].isdisjoint(ids[1])


def test_what_an_override_says_stands_in_the_place_of_layers_and_penalty():
    text = study(
        'layers = { "fc1.*" = { kind = "L1", lam = 1e-3 } }\n'
        '[[arm.for]]\nmodel = "deep"\npenalty = { kind = "L2", lam = 1.0 }\nwhere = "last"\n'
        '[[arm.for]]\nmodel = "deep"\nrecipe = "document"\n'
        'layers = { "fc1.*" = { kind = "L1", lam = 2.0 } }'
    ).replace('models = ["small"]\narms = ["none", "L1"]\n', "")
    arms = {
        (m.recipe.name, m.model.name): m.run() for m in members(parse(text)) if m.arm.name == "new"
    }
    assert arms["modern", "small"].penalty == {"fc1.*": L1(1e-3)}
    assert (arms["modern", "deep"].penalty, arms["modern", "deep"].where) == (L2(1.0), "last")
    assert arms["document", "deep"].penalty == {"fc1.*": L1(2.0)}


def test_quick_takes_the_middle_of_every_list():
    text = study(f"layers = {LAYERS.replace('[1e-3, 1e-2]', '[1e-3, 1e-2, 0.1]')}")
    quick = quicken(parse(text), "x")
    found = {tuple(t.lam for t in m.arm.terms) for m in members(quick) if m.arm.name == "new"}
    assert found == {(1e-2, 1e-2, 0.5)}


WRONG = {
    "a term": (SUM.replace('"L2"', '"L7"'), ["arm 5: penalty 2: kind", "'L7'"], "penalty"),
    "no term": ("[]", ["arm 5: penalty"], "penalty"),
    "no prox": (
        '[{ kind = "LInf", lam = 1 }, { kind = "Group", lam = 1, view = "Rows" }]\n'
        'coupling = "proximal"',
        ["arm 5 (new)", "no exact prox", "'loss'"],
        "penalty",
    ),
    "no prox of one": (
        '{ kind = "Norm", lam = 1, p = 3.0 }\ncoupling = "proximal"',
        ["arm 5 (new)", "p must be 1, 2 or inf"],
        "penalty",
    ),
    "scopes": (
        '[{ kind = "LInf", lam = 1 }, { kind = "LInf", lam = 1, scope = "model" }]',
        ["arm 5 (new)", "mixes scope"],
        "penalty",
    ),
    "a layer": (LAYERS.replace("lam = 0.5", "lm = 1"), ["arm 5: layers: fc2.*", "'lm'"], "layers"),
    "layers and where": (LAYERS + '\nwhere = "all"', ["arm 5", "leave out 'where'"], "layers"),
    "layers and penalty": (LAYERS + f"\npenalty = {SUM}", ["leave out 'penalty'"], "layers"),
    "no layer": ("{}", ["arm 5: layers"], "layers"),
    "no such layer": (LAYERS.replace('"fc2.*"', '"fc7.*"'), ["model 'small'", "fc7.*"], "layers"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "says", "key"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(value: str, says: list[str], key: str):
    from lpreg.study.network import check

    with pytest.raises(SpecError) as caught:
        check(parse(study(f"{key} = {value}"), "some.toml"), "some.toml")
    message = str(caught.value)
    assert message.startswith("some.toml: ")
    assert "\n" not in message
    assert [words for words in says if words not in message] == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("arms")
    few = ["--only", "model=small,arm=both,arm=layers", "--seeds", "1"]
    file = str(write(home, ("[quick]", ARMS), ("width = 4", "width = 8")))
    assert main(["run", file, *few, "--out", str(home / "run")]) == 0
    return home / "run"


def test_rows_hold_all_strengths(trained: Path):
    both, layers = (rows for _, rows in lpreg.read(trained).results.groupby("arm"))
    assert set(both["penalty"]) == {"L1+L2"}
    assert both["lam"].tolist() == [1e-4, 1e-4, 1e-2, 1e-2]
    assert json.loads(both["strengths"].iloc[1]) == [1e-4, 5e-3]
    assert set(layers["penalty"]) == {"fc1.*: L1, fc2.*: L1+L2"}
    assert set(layers["where"]) == {"fc1.*,fc2.*"}
    assert json.loads(layers["strengths"].iloc[1]) == [1e-2, 1e-2, 0.5]
    assert both[["p", "l1_ratio"]].isna().all(axis=None)


VALUES: dict[str, Callable[[list[float], list[Tensor]], Any]] = {
    "both": lambda lam, w: sum(lam[0] * x.abs().sum() + lam[1] * (x**2).sum() for x in w),
    "layers": lambda lam, w: (
        lam[0] * w[0].abs().sum() + lam[1] * w[1].abs().sum() + lam[2] * (w[1] ** 2).sum()
    ),
}


def test_the_loaded_network_has_the_recorded_penalty(trained: Path):
    for _, row in lpreg.read(trained).results.iterrows():
        model = lpreg.load(trained, arm=row["arm"], strengths=row["strengths"])
        value = VALUES[row["arm"]](
            json.loads(row["strengths"]), [w.detach() for w in model.parameters()]
        )
        assert value.item() == pytest.approx(row["penalty_value"], rel=1e-5)


def test_load_asks_for_the_strengths(trained: Path):
    with pytest.raises(SpecError, match=r"say also which strengths: \[0.0001, 5e-05\]"):
        lpreg.load(trained, arm="both", lam=1e-4)


def test_show_tells_the_members_of_a_sum_apart(trained: Path, capfd):
    assert main(["show", str(trained)]) == 0
    out = capfd.readouterr().out
    for strength in ("0.0001, 5e-05", "0.01, 0.005", "0.01, 0.01, 0.5"):
        assert strength in out


def test_a_folder_says_where_sums_differ(trained: Path, tmp_path: Path, capfd):
    for old, new, says in (
        ("5e-3]", "6e-3]", "arm: both: penalty: L2: lam = [5e-05, 0.005] there"),
        (SUM, '{ kind = "L1", lam = 1e-4 }', "arm: both: penalty = "),
    ):
        file = write(tmp_path, ("[quick]", ARMS.replace(old, new)), ("width = 4", "width = 8"))
        assert main(["run", str(file), "--out", str(trained)]) == 2
        assert says in capfd.readouterr().err
