"""Which parameters are penalised: one model per kind of layer, and what is refused."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from lpreg import L1, L2, describe
from lpreg.select import match, select


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(1, 2, 3),
        nn.BatchNorm1d(2),
        nn.PReLU(),
        nn.ConvTranspose1d(2, 2, 3),
        nn.GroupNorm(1, 2),
        nn.Flatten(),
        nn.LayerNorm(8),
        nn.Linear(8, 2),
    )


class Tied(nn.Module):
    """A language model in miniature: its first linear layer shares the weight of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5, bias=False)
        self.embedding = nn.Embedding(5, 3)
        self.embedding.weight = self.head.weight
        self.up = nn.Linear(3, 3, bias=False)
        self.down = nn.Linear(3, 3, bias=False)
        self.down.weight = self.up.weight


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))
        self.gate = nn.Parameter(torch.ones(()))
        self.mix = nn.Bilinear(2, 2, 2)


def frozen() -> nn.Module:
    model = mlp()
    model.get_parameter("0.weight").requires_grad_(False)
    return model


CROSS_ATTENTION = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]
RECURRENT = ["weight_ih_l0", "weight_hh_l0"]
WEIGHTS = {
    "mlp": (mlp, ["0.weight", "2.weight", "4.weight"]),
    "cnn": (cnn, ["0.weight", "3.weight", "7.weight"]),
    "conv2d": (lambda: nn.Conv2d(1, 1, 1), ["weight"]),
    "conv3d": (lambda: nn.ConvTranspose3d(1, 1, 1), ["weight"]),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8),
        [
            f"{n}weight"
            for n in ("self_attn.in_proj_", "self_attn.out_proj.", "linear1.", "linear2.")
        ],
    ),
    "cross": (lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5), CROSS_ATTENTION),
    "key": (lambda: nn.MultiheadAttention(2, 1, add_bias_kv=True), None),
    "tied": (Tied, ["up.weight"]),
    "custom": (Custom, ["mix.weight"]),
    "lstm": (lambda: nn.LSTM(2, 3, proj_size=1), [*RECURRENT, "weight_hr_l0"]),
    "gru": (lambda: nn.GRU(2, 3, bidirectional=True), None),
    "cell": (lambda: nn.RNNCell(2, 3), ["weight_ih", "weight_hh"]),
    "frozen": (frozen, ["2.weight", "4.weight"]),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_are_the_matrices_of_layers_and_nothing_else(case: str) -> None:
    build, names = WEIGHTS[case]
    model = build()
    expected = names or [name for name, _ in model.named_parameters() if "weight" in name]
    selected = select(model)
    assert list(selected) == expected
    assert all(selected[name] is model.get_parameter(name) for name in expected)


@pytest.mark.parametrize("case", WEIGHTS)
def test_the_description_says_yes_exactly_to_what_is_selected(case: str) -> None:
    model = WEIGHTS[case][0]()
    rows = describe(model).rows
    assert [row.name for row in rows] == [name for name, _ in model.named_parameters()]
    assert [row.name for row in rows if row.penalised] == list(select(model))
    assert [row.shape for row in rows] == [tuple(p.shape) for p in model.parameters()]


def first_bias(name: str, module: nn.Module, parameter: nn.Parameter) -> bool:
    return isinstance(module, nn.Linear) and name == "0.bias" and parameter.ndim == 1


CHOICES = {
    "first": ("first", ["0.weight"]),
    "last": ("last", ["4.weight"]),
    "all": ("all", ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]),
    "glob": ("4.*", ["4.weight", "4.bias"]),
    "globs, in the order of the model": (["4.weight", "0.*"], ["0.weight", "0.bias", "4.weight"]),
    "callable": (first_bias, ["0.bias"]),
}


@pytest.mark.parametrize("case", CHOICES)
def test_where_chooses(case: str) -> None:
    where, names = CHOICES[case]
    assert list(select(mlp(), where)) == names


def test_first_and_last_pass_over_frozen_weights() -> None:
    assert list(select(frozen(), "first")) == ["2.weight"]
    assert "2.weight" in select(frozen(), "all")
    assert "0.weight" not in select(frozen(), "all")


def test_a_glob_may_use_any_name_of_a_tied_tensor() -> None:
    assert list(select(Tied(), "down.*")) == ["up.weight"]
    assert list(select(Tied(), "embedding.*")) == ["head.weight"]


def weight_normed() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2)), nn.Linear(2, 2))


def pruned() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    prune.random_unstructured(model[0], "weight", amount=1)
    return model


REFUSALS = {
    "parametrised": (weight_normed, "weights", "0.parametrizations.weight.original0"),
    "parametrised, by glob": (weight_normed, "0.*", "remove_parametrizations"),
    "pruned": (pruned, "weights", "0.weight_orig cannot be penalised"),
    "lazy": (lambda: nn.LazyLinear(2), "weights", "run one batch"),
    "glob without a match": (mlp, ["0.weight", "2.wieght"], "'2.weight'"),
    "misspelled keyword": (mlp, "frist", "'first'"),
    "empty list": (mlp, [], "selects no parameter"),
    "no weights": (lambda: nn.LayerNorm(3), "weights", "selects no parameter of LayerNorm"),
    "no parameters": (nn.ReLU, "all", "a model that has parameters"),
    "all frozen": (frozen, "0.weight", "only frozen parameters"),
    "not a where": (mlp, 3, "is not understood"),
    "a list of layers": (mlp, [nn.Linear(1, 1)], "is not understood"),
}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_name_what_was_given_and_what_to_do(case: str) -> None:
    build, where, message = REFUSALS[case]
    with pytest.raises(ValueError) as caught:
        select(build(), where)
    assert message in str(caught.value)


def test_a_parametrised_layer_is_no_obstacle_to_the_others() -> None:
    assert list(select(weight_normed(), ["1.weight"])) == ["1.weight"]
    assert list(select(pruned(), "last")) == ["1.weight"]


@pytest.mark.parametrize(
    ("model", "where", "name", "why"),
    [
        (mlp(), "weights", "0.weight", "weight of Linear"),
        (mlp(), "weights", "0.bias", "bias of Linear"),
        (mlp(), "first", "2.weight", "outside where='first'"),
        (cnn(), "weights", "1.weight", "normalization (BatchNorm1d)"),
        (cnn(), "weights", "2.weight", "parameter of PReLU"),
        (Tied(), "weights", "head.weight", "embedding, tied with 'embedding.weight'"),
        (Tied(), "weights", "up.weight", "tied with 'down.weight'"),
        (Custom(), "weights", "matrix", "no layer that lpreg knows"),
        (frozen(), "weights", "0.weight", "frozen"),
        (weight_normed(), "weights", "0.parametrizations.weight.original1", "refused"),
        (nn.GRUCell(1, 1), "weights", "bias_hh", "bias of GRUCell"),
    ],
)
def test_the_description_says_why(model: nn.Module, where: str, name: str, why: str) -> None:
    description = describe(model, where)
    (row,) = (row for row in description.rows if row.name == name)
    assert why in row.why
    assert f"\n{name} " in str(description) and row.why in str(description)


def test_the_table_reads_well() -> None:
    assert str(describe(nn.Linear(4, 3))) == (
        "parameter  shape  penalised  why\n"
        "weight     3 x 4  yes        weight of Linear\n"
        "bias       3      no         bias of Linear\n"
        "1 of 2 tensors are penalised"
    )


def test_a_mapping_gives_the_first_glob_that_matches() -> None:
    strong, weak = L1(0.2), L2(0.1)
    matched = match(mlp(), {"0.weight": strong, "*.weight": weak})
    assert {name: penalty for name, (_, penalty) in matched.items()} == {
        "0.weight": strong,
        "2.weight": weak,
        "4.weight": weak,
    }


@pytest.mark.parametrize(
    ("penalty", "where", "error", "message"),
    [
        ({"0.wight": L1(1.0)}, "weights", ValueError, "'0.weight'"),
        ({"0.weight": L1(1.0)}, "first", ValueError, "leave out where='first'"),
        (0.1, "weights", TypeError, "float"),
        ({"0.weight": 0.1}, "weights", TypeError, "float"),
    ],
)
def test_what_is_no_penalty_or_mapping_is_refused(penalty, where, error, message) -> None:
    with pytest.raises(error) as caught:
        match(mlp(), penalty, where)
    assert message in str(caught.value)


# --- wrappers ---


def compiled(model: nn.Module) -> Any:
    return torch.compile(model, backend="eager")


class Held(nn.Module):
    """Its part is called as the one of a wrapper, and is wrapped itself."""

    def __init__(self) -> None:
        super().__init__()
        self.module = compiled(nn.Linear(2, 2))


WRAPPERS = {
    "compiled": (lambda: compiled(mlp()), "_orig_mod.0.weight", "0.weight"),
    "DataParallel": (lambda: nn.DataParallel(mlp()), "module.0.weight", "0.weight"),
    "averaged": (lambda: AveragedModel(mlp()), "module.0.weight", "0.weight"),
    "both": (
        lambda: nn.DataParallel(compiled(mlp())),
        "module._orig_mod.0.weight",
        "0.weight",
    ),
    "inside": (Held, "module._orig_mod.weight", "module.weight"),
}


@pytest.mark.parametrize("case", WRAPPERS)
def test_names_are_those_of_the_bare_model(case: str) -> None:
    build, path, name = WRAPPERS[case]
    model = build()
    assert next(iter(select(model))) == name
    assert [*select(model, name)] == [*select(model, path)] == [name]
    assert select(model)[name] is model.get_parameter(path)
    assert describe(model).rows[0].name == name
