"""A penalty in the Hugging Face `Trainer`: an optimizer factory."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import Optimizer

from lpreg.optim import Regularized
from lpreg.optim.value import Penalties
from lpreg.select import Where

try:
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_optimizer import is_optimizer_factory
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "transformers":
        raise
    install = (
        "lpreg.integrations.transformers: transformers 5 is not installed: "
        'pip install "transformers[torch]>=5"'
    )
    raise ModuleNotFoundError(install, name=error.name) from None


def regularized(
    args: TrainingArguments,
    penalty: Penalties,
    coupling: str = "loss",
    where: Where = "weights",
    **options: Any,
) -> tuple[Any, dict[str, Any]]:
    """The `optimizer_cls_and_kwargs` of a `Trainer` that trains with `penalty`.

    The optimizer is the one that `args` describes (`optim`, `learning_rate`, `weight_decay`, ...),
    wrapped by `lpreg.Regularized`, whose further keyword arguments are `options` (`steps`, for a
    `target`, are `args.max_steps` where that is set); schedules, accumulation, clipping and
    checkpoints are the Trainer's. Give the same `args` to both:

        Trainer(model, args, optimizer_cls_and_kwargs=regularized(args, lpreg.L1(1e-4)), ...)

    Raises `ValueError` here for arguments that split tensors between processes (FSDP, DeepSpeed),
    and in `Trainer.train` the errors of `Regularized`.
    """
    split = [name for name in ("fsdp", "deepspeed") if getattr(args, name, None)]
    if split:
        raise ValueError(
            f"TrainingArguments({split[0]}=...) cuts tensors into pieces, and a penalty is a "
            "function of whole ones: train on one device or with DDP."
        )
    if options.get("target") is not None and args.max_steps > 0:
        options.setdefault("steps", args.max_steps)

    def wrapped(model: nn.Module) -> Regularized:
        return Regularized(_base(args, model), model, penalty, coupling, where, **options)

    return lambda: wrapped, {}


def _base(args: TrainingArguments, model: nn.Module) -> Optimizer:
    """What `Trainer.create_optimizer` builds when it is left alone."""
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(args, model)  # pyright: ignore
    if is_optimizer_factory(kind):
        return kind()(model, **settings)
    decaying = set(Trainer.get_decay_parameter_names(None, model))  # pyright: ignore
    trained = [(name, w) for name, w in model.named_parameters() if w.requires_grad]
    groups = [
        {
            "params": [w for name, w in trained if name in decaying],
            "weight_decay": args.weight_decay,
        },
        {"params": [w for name, w in trained if name not in decaying], "weight_decay": 0.0},
    ]
    return kind(settings.pop("params", groups), **settings)
