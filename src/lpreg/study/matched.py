"""Matched strengths: what a share of the gradient is in numbers, measured once and kept.

A strength that asks for a share is the one at which the penalty's gradient is as long as that share
of the task gradient's, over all penalised tensors together, with the initial weights of seed 0, on
its whole training part, in evaluation mode. So it is the same for all seeds, and does not change
when a study gets more of them.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from lpreg.optim import matched
from lpreg.study.errors import SpecError
from lpreg.study.member import Member
from lpreg.study.network import builder, dataset, network, samples
from lpreg.study.store import Folder
from lpreg.train import DTYPES, LOSSES, generator

Say = Callable[[str], None]


def measured(wanted: Iterable[Member], folder: Folder, device: str, say: Say) -> list[Member]:
    """The members with their strengths as numbers: those that the folder has, the others measured.

    Args:
        wanted: members.
        folder: keeps the strengths; to be called while it is locked.
        device: where gradients are computed.
        say: is told what is being measured.

    Raises:
        FolderError: what the folder keeps is damaged, or it cannot be written.
        SpecError: a gradient is zero or not finite.
    """
    wanted = list(wanted)
    known = folder.strengths()
    asked = {_key(member): member for member in wanted if member.asks_share}
    missing: dict[str, list[Member]] = {}
    for key, member in asked.items():
        if key not in known:
            missing.setdefault(_place(member), []).append(member)
    for members in missing.values():
        first = members[0]
        say(f"measuring gradients: {first.data.name}, {first.model.name}, {first.recipe.name}")
        model, gradients = _gradients(first, device)
        known |= {_key(member): _about(member, model, gradients) for member in members}
        folder.keep_strengths(known)
    return [_with_strength(member, known) for member in wanted]


def _with_strength(member: Member, known: dict[str, dict[str, Any]]) -> Member:
    if not member.asks_share:
        return member
    return replace(member, measured=known[_key(member)]["lam"])


def _place(member: Member) -> str:
    """What a gradient depends on, of data, model and recipe, as a text."""
    recipe = member.recipe
    says: dict[str, Any] = {
        "data": member.data.identity,
        "model": member.model.model_dump(exclude_none=True),
        "split_seed": member.first_split,
        "recipe": [recipe.name, recipe.loss, recipe.inputs, recipe.init, recipe.dtype],
    }
    return json.dumps(says, sort_keys=True)


def _key(member: Member) -> str:
    says = [
        _place(member),
        member.arm.where,
        [t.model_dump(exclude_none=True) for t in member.arm.terms],
    ]
    return sha256(json.dumps(says, sort_keys=True).encode()).hexdigest()[:12]


def _about(member: Member, model: nn.Module, gradients: dict[str, Tensor]) -> dict[str, Any]:
    """The strength, with what it is of for people who read the file."""
    (term,) = member.arm.terms
    where: Any = member.arm.where
    share: Any = term.share
    try:
        (lam,) = matched(model, gradients, term.build(1.0), where, share)
    except ValueError as error:
        raise SpecError(f"arm {member.arm.name!r}, {member.place}: {error}") from None
    return {
        "data": member.data.name,
        "model": member.model.name,
        "recipe": member.recipe.name,
        "penalty": member.arm.label,
        "where": where,
        "share": share,
        "lam": lam,
    }


def _gradients(member: Member, device: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """The network with the initial weights of seed 0, and the gradient of its mean task loss over
    the training part, piece by piece."""
    own, recipe = dataset(member.data), member.training()
    dtype, loss = DTYPES[recipe.dtype], LOSSES[recipe.loss]
    first = replace(member, split_seed=member.first_split)
    data = samples(first, own).on(device, dtype)
    model = builder(network(member, own))(generator(0, "init")).to(device, dtype).eval()
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in parameters.items()}
    count = len(data.parts["train"][1])
    for x, y in data.pieces("train"):
        part = loss(model(x), y) * (len(y) / count)
        slopes = torch.autograd.grad(part, list(parameters.values()), allow_unused=True)
        for name, slope in zip(parameters, slopes, strict=True):
            if slope is not None:
                total[name] += slope
    return model, total
