"""People's own networks, named "module:callable": what they are handed, and what is refused."""

import sys
from textwrap import dedent

import pytest
import torch
from torch import nn

from lpreg.models import MODELS, build, find, is_code, mlp

MODULE = """
    import random
    import torch
    from torch import nn
    from lpreg.models import Dropout

    class Net(nn.Module):
        def __init__(self, outputs, hidden: int = 4):
            super().__init__()
            self.first, self.last = nn.Linear(3, hidden), nn.Linear(hidden, outputs)

        def forward(self, x):
            return self.last(self.first(x).relu())

    class Holder:
        @staticmethod
        def net(outputs):
            return Net(outputs)

    def everything(**options):
        model = Net(options["outputs"])
        model.seen = sorted(options)
        return model

    def careful(generator, inputs, outputs, dropout):
        model = nn.Sequential(nn.Linear(inputs, outputs), Dropout(dropout))
        nn.init.normal_(model[0].weight, generator=generator)
        return model

    def one_kind(outputs, *, dropout=0.0):
        return nn.Sequential(nn.Linear(3, outputs), nn.Dropout(dropout))

    def text(outputs):
        return "a network"

    def broken(outputs):
        raise RuntimeError("inside")

    number = 3
"""
GIVEN = {"inputs": 3, "outputs": 2, "dropout": 0.0}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with modules of one's own, and the current one."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(dedent(MODULE))
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "nets.py").write_text("from mine import Net\n")
    (tmp_path / "needs.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "wrong.py").write_text("def net(:\n")
    yield
    for name in ("mine", "package", "package.nets", "needs", "wrong"):
        sys.modules.pop(name, None)


def make(kind, seed=0, **options):
    return build(kind, torch.Generator().manual_seed(seed), **GIVEN | options)


def weights(model):
    return torch.cat([w.detach().flatten() for w in model.parameters()])


@pytest.mark.parametrize(
    "kind", ["mine:Net", "mine:Holder.net", "package.nets:Net", "mine:everything"]
)
def test_classes_and_functions_of_the_current_folder(kind):
    assert is_code(kind) and callable(find(kind))
    assert make(kind)(torch.ones(5, 3)).shape == (5, 2)


def test_kinds_of_lpreg_are_no_code():
    assert not any(map(is_code, MODELS))
    assert find("mlp") is mlp


def test_code_is_handed_what_it_takes():
    assert make("mine:Net", hidden=7).state_dict()["first.bias"].shape == (7,)
    assert make("mine:everything", depth=3).seen == [
        "depth",
        "dropout",
        "generator",
        "inputs",
        "outputs",
    ]


def test_a_kind_of_lpreg_imported_is_the_same_network():
    assert torch.equal(
        weights(make("lpreg.models:mlp", hidden=[4])), weights(make("mlp", hidden=[4]))
    )


@pytest.mark.parametrize("kind", ["mine:Net", "mine:careful", "mine:everything"])
def test_the_seed_decides_and_the_global_generator_is_left_alone(kind):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = make(kind, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(weights(first), weights(make(kind, seed=5)))
    assert not torch.equal(weights(first), weights(make(kind, seed=6)))


@pytest.mark.parametrize("kind", ["mine:Net", "mine:careful"])
def test_two_networks_of_one_generator_differ(kind):
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(*(weights(build(kind, generator, **GIVEN)) for _ in range(2)))


def test_what_fails_inside_is_told_as_it_is_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match=r"^inside$"):
        make("mine:broken")
    assert torch.equal(torch.get_rng_state(), before)


WRONG = {
    "no_such_module:Net": "no module 'no_such_module'",
    "package.none:Net": r"no module 'package\.none'",
    "mine:Nett": "'mine' has no 'Nett'",
    "mine:number": "is of type int; it must be a class or a function",
    "mine:": '"package.module:callable"',
    ":Net": '"package.module:callable"',
    "mine.py:Net": "no module 'mine.py'",
    "dir/mine:Net": '"package.module:callable"',
    "needs:Net": "importing 'needs' failed: ModuleNotFoundError.*nothing_of_this_name",
    "wrong:net": "importing 'wrong' failed: SyntaxError",
    "mine:text": "returned a str, not a torch.nn.Module",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_had_is_refused_in_one_line(kind):
    with pytest.raises(ValueError, match=WRONG[kind]) as raised:
        make(kind)
    assert "\n" not in str(raised.value)
    assert repr(kind) in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("mine:Net", {"depth": 3}, "does not take depth; it takes outputs, hidden"),
        ("mine:Net", {"dropout": 0.3}, "does not take dropout"),
        ("mine:Net", {"init": "xavier_normal"}, "does not take init"),
        ("lpreg.models:mlp", {}, "missing.*'hidden'"),
        (
            "mine:one_kind",
            {"dropout": 0.5},
            r"'1' is a torch\.nn\.Dropout.*models\.Dropout\(0\.5\)",
        ),
    ],
)
def test_what_the_code_would_ignore_or_lacks_is_refused(kind, options, named):
    with pytest.raises(ValueError, match=named):
        make(kind, **options)
    assert isinstance(make("mine:one_kind"), nn.Module)  # a rate of 0 does no harm
