"""Large tensors are updated a block at a time: nobody can tell, but by the clock."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import lpreg
from lpreg.optim import blocks
from lpreg.penalties import Penalty

PENALTIES: dict[str, tuple[Penalty, str]] = {
    "L1": (lpreg.L1(1e-2), "proximal"),
    "L1, decoupled": (lpreg.L1(1e-2), "decoupled"),
    "L1, dual_averaging": (lpreg.L1(1e-2), "dual_averaging"),
    "ElasticNet, dual_averaging": (lpreg.ElasticNet(1e-2, 0.5), "dual_averaging"),
    "p = 1/2": (lpreg.Lp(1e-3, 0.5), "proximal"),
    "p = 1.3": (lpreg.Lp(1e-2, 1.3), "proximal"),
    "L3": (lpreg.Lp(1e-2, 3), "proximal"),
    "L0 + L2": (lpreg.L0(1e-4) + lpreg.L2(1e-2), "proximal"),
    "LInf": (lpreg.LInf(1e-1), "proximal"),
    "Group rows": (lpreg.Group(1e-3, lpreg.views.Rows()), "proximal"),
    "Group rows, dual_averaging": (lpreg.Group(1e-3, lpreg.views.Rows()), "dual_averaging"),
    "Group columns": (lpreg.Group(1e-3, lpreg.views.Columns()), "proximal"),
    "Group whole": (lpreg.Group(1e-3, lpreg.views.Whole()), "proximal"),
    "L1 + Group": (lpreg.L1(1e-2) + lpreg.Group(1e-3, lpreg.views.Columns()), "proximal"),
}
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "matrix": lambda w: w,
    "odd": lambda w: w[:-3].flatten()[:-5],
    "one row": lambda w: w.view(1, -1),
    "bfloat16": lambda w: w.bfloat16(),
    "float64": lambda w: w.double(),
    "transposed": lambda w: w.t(),
    "channels last": lambda w: w.view(6, 4, 5, 11).to(memory_format=torch.channels_last),
    "with gaps": lambda w: torch.stack([w, w], dim=-1)[..., 0],
}


class One(nn.Module):
    """A module with one tensor in a given layout."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        w = torch.randn(40, 33, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(LAYOUTS[layout](0.01 * w))


def trained(name: str, layout: str, steps: int = 3) -> tuple[Tensor, lpreg.Regularized]:
    """The weight after some steps along random gradients."""
    model = One(layout)
    penalty, coupling = PENALTIES[name]
    base = torch.optim.Adam(model.parameters(), lr=3e-3)
    optimizer = lpreg.Regularized(base, model, penalty, coupling=coupling, where="all")
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        noise = torch.randn(model.weight.shape, generator=generator)
        model.weight.grad = torch.empty_like(model.weight).copy_(noise)
        optimizer.step()
    return model.weight.detach(), optimizer


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", PENALTIES)
def test_blocks_are_the_whole_tensor(
    name: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "Group" in name and layout == "odd":
        pytest.skip("a vector has no rows")
    whole, at_once = trained(name, layout)
    monkeypatch.setattr(blocks, "SIZE", 64)  # a multiple of what a processor does at once
    parts, in_blocks = trained(name, layout)
    assert parts.dtype == whole.dtype and parts.stride() == whole.stride()
    same = torch.equal if PENALTIES[name][0].separable else close  # a sum may be in another order
    assert same(parts, whole)
    for key, value in at_once.latent.get("weight", {}).items():
        assert same(in_blocks.latent["weight"][key], value)


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-6, atol=1e-9) and torch.equal(a == 0, b == 0)


def test_every_entry_is_in_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 64)
    for layout in LAYOUTS:
        w = One(layout).weight.detach()
        count, state = torch.zeros_like(w), {"like": torch.zeros_like(w), "step": 3.0}
        seen = [
            (block.add_(1), part["like"].sub_(1))
            for block, part in blocks.blocks(lpreg.L1(1), count, state)
        ]
        assert len(seen) > 1
        assert bool((count == 1).all()) and bool((state["like"] == -1).all())
        assert all(part["step"] == 3.0 for _, part in blocks.blocks(lpreg.L1(1), count, state))


def test_a_saved_state_stays_as_it_was() -> None:
    """The latent tensors are updated in place: loading must not tie them to what was saved."""
    _, optimizer = trained("L1, dual_averaging", "matrix")
    saved = copy.deepcopy(optimizer.state_dict())
    kept = copy.deepcopy(saved)
    optimizer.load_state_dict(saved)
    optimizer.step()
    for key, value in kept["lpreg"]["on"]["weight"]["latent"].items():
        assert torch.equal(saved["lpreg"]["on"]["weight"]["latent"][key], value)
        assert not torch.equal(optimizer.latent["weight"][key], value)
