"""Which parameters of a model are penalised, and why.

`where` is `"weights"` (default): the weights of linear, convolution, bilinear, recurrent and
attention layers; `"first"` or `"last"` of them; `"all"`: every trainable parameter; a name glob or
several; or a callable `(name, module, parameter) -> bool`. Tied tensors count once, under their
first name; frozen ones (`requires_grad=False`) never. `describe` shows what a choice means before
anything is trained. Names are those of the bare model: what `torch.compile`, DDP and their like
wrap around it (`_orig_mod.`, `module.`) is left out, so that a state saved with or without serves
both; globs may be written either way.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import ParametrizationList
from torch.optim.swa_utils import AveragedModel

from lpreg.penalties.base import Penalty

Where = str | Sequence[str] | Callable[[str, nn.Module, nn.Parameter], bool]

KEYWORDS = ("weights", "first", "last", "all")

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.Bilinear, nn.MultiheadAttention)
_WEIGHTS = ("weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_WRAPPED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)
_NORMALIZATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Row:
    """One parameter of a model as `describe` shows it; `shape` is None before a lazy layer ran."""

    name: str
    shape: tuple[int, ...] | None
    penalised: bool
    why: str


@dataclass(frozen=True)
class Description:
    """The parameters of a model, in order; printed, a table."""

    rows: tuple[Row, ...]

    def __str__(self) -> str:
        cells = [("parameter", "shape", "penalised", "why")]
        for row in self.rows:
            shape = "?" if row.shape is None else " x ".join(map(str, row.shape)) or "()"
            cells.append((row.name, shape, "yes" if row.penalised else "no", row.why))
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        table = [
            "  ".join(text.ljust(width) for text, width in zip(line, [*widths, 0], strict=True))
            for line in cells
        ]
        penalised = sum(row.penalised for row in self.rows)
        return "\n".join([*table, f"{penalised} of {len(self.rows)} tensors are penalised"])


def describe(model: nn.Module, where: Where = "weights") -> Description:
    """What `where` means for `model`: name, shape, penalised or not and why, per parameter.

    Never refuses a tensor: what `select` refuses is a row that says so. Raises `ValueError` for a
    `where` that is not understood or a glob that matches nothing.
    """
    entries = _entries(model)
    chosen = _choose(entries, where)
    return Description(tuple(_row(entry, entry in chosen, where) for entry in entries))


def select(model: nn.Module, where: Where = "weights") -> dict[str, nn.Parameter]:
    """The penalised parameters by name, in the order of `model.named_parameters()`.

    Raises `ValueError` when nothing is selected, a glob matches nothing, or a selected tensor is
    parametrised or not initialised yet.
    """
    entries = _entries(model)
    chosen = [entry for entry in _choose(entries, where) if not entry.frozen]
    for entry in chosen:
        entry.refuse()
    if not chosen:
        frozen = [entry.name for entry in _choose(entries, where)]
        found = f"only frozen parameters ({_list(frozen)})" if frozen else "no parameter"
        raise ValueError(
            f"where={where!r} selects {found} of {type(model).__name__}: choose others, of "
            f"{_list([entry.name for entry in entries]) or 'a model that has parameters'}."
        )
    return {entry.name: entry.parameter for entry in chosen}


def match(
    model: nn.Module, penalty: Penalty | Mapping[str, Penalty], where: Where = "weights"
) -> dict[str, tuple[nn.Parameter, Penalty]]:
    """The penalised parameters by name, each with its penalty.

    A mapping glob -> penalty says both what and where: the first glob that matches wins, and
    `where` is left out. Raises the errors of `select`, and `TypeError` for what is no penalty.
    """
    for term in penalty.values() if isinstance(penalty, Mapping) else [penalty]:
        if not isinstance(term, Penalty):
            raise TypeError(
                f"a penalty such as lpreg.L1(1e-4) is needed, not {term!r} of type "
                f"{type(term).__name__}."
            )
    if not isinstance(penalty, Mapping):
        return {name: (parameter, penalty) for name, parameter in select(model, where).items()}
    if where != "weights":
        raise ValueError(
            f"a mapping of penalties says itself where they act: leave out where={where!r}."
        )
    selected = select(model, list(penalty))
    return {
        entry.name: (entry.parameter, next(p for glob, p in penalty.items() if entry.matches(glob)))
        for entry in _entries(model)
        if entry.name in selected
    }


@dataclass(frozen=True)
class _Place:
    """Where a model holds a parameter: as `attribute` of `layer`, or to compute that from it.

    `name` is that in the bare model, `path` that of `named_parameters`.
    """

    name: str
    path: str
    layer: nn.Module
    attribute: str
    computed: bool

    def is_weight(self) -> bool:
        if isinstance(self.layer, _RECURRENT):
            return self.attribute.startswith("weight_")
        return isinstance(self.layer, _LAYERS) and self.attribute in _WEIGHTS


@dataclass(frozen=True, eq=False)
class _Entry:
    """A parameter with every place that holds it."""

    parameter: nn.Parameter
    places: tuple[_Place, ...]

    @property
    def name(self) -> str:
        return self.places[0].name

    @property
    def frozen(self) -> bool:
        return not self.parameter.requires_grad

    def lives_in(self, kinds: tuple[type, ...]) -> bool:
        return any(isinstance(place.layer, kinds) for place in self.places)

    def is_weight(self) -> bool:
        return not self.lives_in(_EMBEDDINGS) and any(place.is_weight() for place in self.places)

    def matches(self, glob: str) -> bool:
        names = {name for place in self.places for name in (place.name, place.path)}
        return any(fnmatchcase(name, glob) for name in names)

    def obstacle(self) -> str | None:
        """Why lpreg cannot penalise this tensor, and what to do, or None."""
        if isinstance(self.parameter, UninitializedParameter):
            return "not initialised yet: run one batch through the model first"
        computed = next((place for place in self.places if place.computed), None)
        if computed is None:
            return None
        return (
            f"parametrised: {type(computed.layer).__name__} computes its {computed.attribute} from "
            "it, and zeros here are not zeros there; remove the parametrization (torch.nn.utils."
            "parametrize.remove_parametrizations, or remove of prune, weight_norm, spectral_norm) "
            "or leave this layer out with where=[globs]"
        )

    def refuse(self) -> None:
        obstacle = self.obstacle()
        if obstacle is not None:
            raise ValueError(f"{self.name} cannot be penalised, it is {obstacle}.")

    def kind(self) -> str:
        """What this tensor is, in words."""
        layer, attribute = type(self.places[0].layer).__name__, self.places[0].attribute
        others = [place.name for place in self.places[1:]]
        tied = f", tied with {_list(others)}" if others else ""
        if self.lives_in(_EMBEDDINGS):
            return "embedding" + tied
        if self.lives_in(_NORMALIZATIONS):
            return f"normalization ({layer})"
        if self.is_weight():
            return f"weight of {layer}" + tied
        if "bias" in attribute:
            return f"bias of {layer}"
        return f"parameter of {layer}, which is no layer that lpreg knows" + tied


def _entries(model: nn.Module) -> list[_Entry]:
    """One entry per parameter tensor, in the order of `named_parameters()`."""
    layers = dict(model.named_modules(remove_duplicate=False))
    places: dict[nn.Parameter, list[_Place]] = {}
    for prefix, module in layers.items():
        for attribute, parameter in module._parameters.items():
            if parameter is not None:
                place = _place(layers, prefix, module, attribute)
                places.setdefault(parameter, []).append(place)
    return [_Entry(parameter, tuple(held)) for parameter, held in places.items()]


def _place(layers: dict[str, nn.Module], prefix: str, module: nn.Module, attribute: str) -> _Place:
    path = f"{prefix}.{attribute}" if prefix else attribute
    name = _bare(layers, path)
    if isinstance(module, ParametrizationList):
        owner, _, tensor = prefix.rpartition("parametrizations.")
        return _Place(name, path, layers[owner.removesuffix(".")], tensor, computed=True)
    for ending in ("_orig", "_g", "_v"):  # prune, and the older weight and spectral norms
        tensor = attribute.removesuffix(ending)
        held = tensor in module._parameters or tensor in module._buffers
        if tensor != attribute and not held and isinstance(getattr(module, tensor, None), Tensor):
            return _Place(name, path, module, tensor, computed=True)
    return _Place(name, path, module, attribute, computed=False)


def _bare(layers: dict[str, nn.Module], path: str) -> str:
    """The name without what wrappers put into it; "module" is only theirs in a wrapper."""
    parts = path.split(".")
    owners = (layers[".".join(parts[:depth])] for depth in range(len(parts)))
    return ".".join(
        part
        for part, owner in zip(parts, owners, strict=True)
        if part not in _WRAPPED and not (part == "module" and isinstance(owner, _WRAPPERS))
    )


def _choose(entries: Sequence[_Entry], where: Where) -> list[_Entry]:
    """The entries that `where` means, frozen and refused ones included."""
    if isinstance(where, str):
        if where == "all":
            return list(entries)
        weights = [entry for entry in entries if entry.is_weight()]
        if where == "weights":
            return weights
        if where in ("first", "last"):
            trainable = [entry for entry in weights if not entry.frozen]
            return trainable[:1] if where == "first" else trainable[-1:]
        return _choose_by_globs(entries, [where])
    if callable(where):
        return [e for e in entries if where(e.name, e.places[0].layer, e.parameter)]
    if isinstance(where, Sequence) and all(isinstance(glob, str) for glob in where):
        return _choose_by_globs(entries, where)
    raise ValueError(
        f"where={where!r} is not understood: give one of {_list(KEYWORDS)}, name globs, or a "
        "callable (name, module, parameter) -> bool."
    )


def _choose_by_globs(entries: Sequence[_Entry], globs: Sequence[str]) -> list[_Entry]:
    for glob in globs:
        if not any(entry.matches(glob) for entry in entries):
            names = [place.name for entry in entries for place in entry.places]
            raise ValueError(
                f"{glob!r} matches no parameter: the nearest names are {_list(_near(glob, names))} "
                f"(other choices are {_list(KEYWORDS)})."
            )
    return [entry for entry in entries if any(entry.matches(glob) for glob in globs)]


def _row(entry: _Entry, chosen: bool, where: Where) -> Row:
    obstacle = entry.obstacle()
    uninitialised = isinstance(entry.parameter, UninitializedParameter)
    shape = None if uninitialised else tuple(entry.parameter.shape)
    penalised = chosen and not entry.frozen and obstacle is None
    return Row(entry.name, shape, penalised, _why(entry, chosen, obstacle, where))


def _why(entry: _Entry, chosen: bool, obstacle: str | None, where: Where) -> str:
    if entry.frozen and (chosen or entry.is_weight()):
        return f"{entry.kind()}, frozen (requires_grad=False)"
    if chosen:
        return entry.kind() if obstacle is None else f"refused, {obstacle}"
    return f"{entry.kind()}, outside where={where!r}" if entry.is_weight() else entry.kind()


def _near(glob: str, names: Sequence[str]) -> list[str]:
    plain = glob.replace("*", "").replace("?", "")
    return difflib.get_close_matches(plain, [*names, *KEYWORDS], n=3, cutoff=0.3) or list(names[:3])


def _list(names: Iterable[str]) -> str:
    """The first eight names, quoted."""
    names = list(names)
    rest = [f"and {len(names) - 8} more"] if len(names) > 8 else []
    return ", ".join([*map(repr, names[:8]), *rest])
