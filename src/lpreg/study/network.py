"""The networks of a study: built for a data set, and tried out when a study is read."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from lpreg import data, models, select
from lpreg.data import Dataset
from lpreg.study.errors import SpecError
from lpreg.study.member import Member, members
from lpreg.study.spec import Study
from lpreg.study.tables import Data
from lpreg.train import Build, Samples, score
from lpreg.train.metrics import constant_inputs
from lpreg.train.snapshots import chosen


def dataset(table: Data) -> Dataset:
    """The data set that a study asks for; raises as `lpreg.data.load`."""
    return data.load(table.source, **table.options)


def network(member: Member, dataset: Dataset) -> dict[str, Any]:
    """What `lpreg.models.build` takes besides the generator: plain values, fit for JSON."""
    sizes = {"inputs": list(dataset.x.shape[1:]), "outputs": dataset.classes}
    return {"kind": member.model.kind, **sizes, **member.options()}


def builder(network: dict[str, Any]) -> Build:
    """A function that makes such a network from a generator."""
    options = {key: value for key, value in network.items() if key != "kind"}
    return partial(models.build, network["kind"], **options)


def samples(member: Member, dataset: Dataset) -> Samples:
    """The data that a member trains on and is evaluated with, prepared as its recipe says."""
    parts = data.split(dataset, member.data.split.model_dump(), member.split_seed)
    if member.recipe.inputs == "standardized":
        return _standardized(parts, dataset)
    return Samples(parts, scale=dataset.scale if member.recipe.inputs == "scaled" else 1.0)


def _standardized(parts: data.Parts, dataset: Dataset) -> Samples:
    """By mean and deviation of the training part, the targets of a regression too.

    A column of a table that is constant there is so everywhere: its weights learn nothing, and in
    its own unit a rare value may be a million.
    """
    x, y = parts["train"]
    shift, scale = data.moments(x)
    if dataset.features:
        scale = scale.masked_fill(constant_inputs(x), torch.inf)
    if dataset.task != "regression":
        return Samples(parts, shift, scale)
    mean, unit = data.moments(y)
    told = {part: (x, ((y - mean) / unit).to(y.dtype)) for part, (x, y) in parts.items()}
    return Samples(told, shift, scale, float(unit))


@dataclass(frozen=True)
class Size:
    """How large one network is.

    Attributes:
        parameters: their number. weights: those that count as weights.
        units: outputs of all layers with weights, for one sample.
        products: of a weight and an input, for one sample: as many as weights in a perceptron,
            more where filters move over an image.
        inputs: numbers in one sample. samples: of all parts of its data.
    """

    parameters: int
    weights: int
    units: int
    products: int
    inputs: int
    samples: int


def refuse_code(study: Study, file: str) -> None:
    """For those who have not allowed code: a kind of network that would import some is an error.

    Raises:
        SpecError: there is one; nothing was imported.
    """
    for i, model in enumerate(study.models, 1):
        if models.is_code(model.kind):
            raise SpecError(
                f"{file}: model {i}: kind = {model.kind!r} runs the code of that module; "
                "if you trust it, say --allow-code"
            )


def check(study: Study, file: str, data_sets: Collection[str] | None = None) -> dict[str, Size]:
    """Build everything once that a study asks for, and measure it; imports code that it names.

    Args:
        study: what to build.
        file: what to call it in messages.
        data_sets: the names of those that are needed now (None: all); others are not loaded.

    Returns:
        The size of each model on each data set, by "data/model".

    Raises:
        SpecError: a split larger than the data, options that a model refuses, a loss for
            other data, or a `where` that selects nothing.
    """
    sets = _data_sets(study, file, data_sets)
    sizes: dict[str, Size] = {}
    one = study.model_copy(update={"head": study.head.model_copy(update={"seeds": 1})})
    made = cache(lambda key: models.build(generator=torch.Generator(), **dict(key)))
    for member in members(one):
        if member.data.name not in sets:
            continue
        own = sets[member.data.name]
        try:
            _check_loss(member, own)
            _check_batch(member)
            model = made(_hashable(network(member, own)))
            chosen([name for name, _ in model.named_parameters()], member.training().snapshots)
            run = replace(member, measured=1.0).run()  # what is measured comes later
            if run.penalty is not None:
                select.match(model, run.penalty, run.where)
            name = f"{member.data.name}/{member.model.name}"
            if name not in sizes:
                sizes[name] = _size(model, member, own)
        except (ValueError, TypeError) as error:
            place = f"recipe {member.recipe.name!r}, model {member.model.name!r}"
            raise SpecError(f"{file}: {place}, arm {member.arm.name!r}: {error}") from None
    return sizes


def _data_sets(study: Study, file: str, names: Collection[str] | None) -> dict[str, Dataset]:
    sets = {}
    for i, each in enumerate(study.data, 1):
        if names is not None and each.name not in names:
            continue
        try:
            sets[each.name] = dataset(each)
            data.check_split(sets[each.name], each.split.model_dump())
        except ValueError as error:
            raise SpecError(f"{file}: data {i}: {error}") from None
    return sets


def _check_batch(member: Member) -> None:
    there = member.data.split.train
    if member.batch_size > there:
        raise ValueError(
            f"batch_size = {member.batch_size} is more than the {there} training samples; "
            'allowed: up to that many, or "all"'
        )


def _check_loss(member: Member, dataset: Dataset) -> None:
    metric, _ = score(member.recipe.loss)
    if (metric == "mse") != (dataset.task == "regression"):
        raise ValueError(
            f"loss = {member.recipe.loss!r} does not fit {dataset.name!r}, a {dataset.task}"
        )


def _size(model: nn.Module, member: Member, dataset: Dataset) -> Size:
    shape = dataset.x.shape[1:]
    units, products = work(model, torch.zeros(1, *shape))
    return Size(
        parameters=sum(p.numel() for p in model.parameters()),
        weights=sum(w.numel() for w in select.select(model, "weights").values()),
        units=units,
        products=products,
        inputs=shape.numel(),
        samples=sum(member.data.split.model_dump().values()),
    )


def work(model: nn.Module, sample: Tensor) -> tuple[int, int]:
    """`units` and `products` of a `Size`, from what the layers give for one sample.

    Raises:
        ValueError: the network does not take it.
    """
    done: list[tuple[int, int]] = []

    def count(layer: nn.Module, _: object, outputs: object) -> None:
        weights = [w for w in layer.parameters(recurse=False) if w.dim() > 1]
        for w in weights:
            units = outputs.numel() if isinstance(outputs, Tensor) else len(w)
            done.append((units // len(weights), w.numel() * units // len(w)))

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(sample)
    except RuntimeError as error:
        shape, told = list(sample.shape[1:]), " ".join(str(error).split())
        raise ValueError(f"it does not take inputs of the shape {shape}: {told}") from None
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return sum(units for units, _ in done), sum(products for _, products in done)


def _hashable(options: dict[str, Any]) -> tuple:
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in options.items())
