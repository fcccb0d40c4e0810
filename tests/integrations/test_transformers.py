"""The optimizer factory in real Trainers, and `Regularized` under accelerate."""

import gc
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
)

from lpreg import L1, L2, Regularized
from lpreg.integrations.transformers import regularized
from lpreg.optim import COUPLINGS

SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
LENGTHS = {"vocab_size": 12, "max_position_embeddings": 6, "intermediate_size": 12}


@pytest.fixture(scope="module", autouse=True)
def quick_collections() -> Any:
    """Each `train` collects garbage, which takes longer than these trainings while it looks at all
    that the imports made."""
    gc.freeze()
    yield
    gc.unfreeze()


def bert(dropout: float = 0.1) -> BertForSequenceClassification:
    """One layer with new weights, the same at every call."""
    rates = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), dropout)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForSequenceClassification(BertConfig(**SIZES, **LENGTHS, **rates))


def rows() -> list[dict[str, Any]]:
    tokens = torch.randint(0, 12, (32, 6), generator=torch.Generator().manual_seed(1))
    return [{"input_ids": row, "labels": int(row[0] > 5)} for row in tokens]


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    quiet = {"report_to": "none", "disable_tqdm": True, "logging_strategy": "no"}
    settings = {"per_device_train_batch_size": 8, "num_train_epochs": 3, "learning_rate": 1e-2}
    once = {"save_strategy": "no", "use_cpu": True}
    return TrainingArguments(str(folder), **{**quiet, **settings, **once, **options})


def trained(args: TrainingArguments, *choice: Any, model: Any = None, **options: Any) -> Any:
    """The model after training, with the penalty, coupling and where of `choice` if there are."""
    model = model or bert()
    if choice:
        options["optimizer_cls_and_kwargs"] = regularized(args, *choice)
    Trainer(model, args, train_dataset=rows(), **options).train()
    return model


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert a.equal(b)


def zeros(model: nn.Module) -> float:
    return float((model.get_parameter("classifier.weight") == 0).float().mean())


@pytest.mark.parametrize(
    "options",
    [
        {"optim": "adamw_torch", "weight_decay": 0.1, "warmup_steps": 2},
        {"optim": "sgd", "optim_args": "momentum=0.9", "lr_scheduler_type": "cosine"},
    ],
    ids=["adamw", "sgd"],
)
@pytest.mark.filterwarnings("ignore:weight_decay=0.1 of AdamW also shrinks")
def test_strength_zero_is_the_bare_trainer(tmp_path: Path, options: dict[str, Any]) -> None:
    args = arguments(tmp_path, **options)
    assert_same(trained(args, L1(0.0)), trained(args))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_the_factory_builds_what_one_writes_by_hand(tmp_path: Path, coupling: str) -> None:
    args, model = arguments(tmp_path, max_grad_norm=0.1), bert()
    adam = AdamW(model.parameters(), lr=1e-2, weight_decay=0.0, fused=True)
    optimizer = Regularized(adam, model, L1(0.05), coupling, where="last")
    by_hand = trained(args, model=model, optimizers=(optimizer, None))
    ours = trained(args, L1(0.05), coupling, "last")
    assert_same(ours, by_hand)
    assert (zeros(ours) > 0) == (coupling in ("proximal", "dual_averaging"))
    assert not (ours.bert.pooler.dense.weight == 0).any()


@pytest.mark.parametrize("coupling", ["loss", "dual_averaging"])
def test_a_resumed_training_gives_the_same_numbers(tmp_path: Path, coupling: str) -> None:
    args = arguments(tmp_path, save_strategy="steps", save_steps=5)
    choice: Any = regularized(args, L1(0.005), coupling)
    whole, resumed = bert(), bert()
    for model, start in ((whole, None), (resumed, str(tmp_path / "checkpoint-5"))):
        trainer = Trainer(model, args, train_dataset=rows(), optimizer_cls_and_kwargs=choice)
        trainer.train(resume_from_checkpoint=start)
    assert_same(whole, resumed)


def mean_loss(output: Any, labels: Tensor, num_items_in_batch: Tensor) -> Tensor:
    """The mean over all that is accumulated: BERT's own would be the sum of two means."""
    return cross_entropy(output.logits, labels, reduction="sum") / num_items_in_batch


def test_accumulated_gradients_are_one_step(tmp_path: Path) -> None:
    parts = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    one, other = (
        trained(
            arguments(tmp_path, **options),
            *(L1(0.05), "proximal"),
            model=bert(dropout=0.0).double(),
            compute_loss_func=mean_loss,
        )
        for options in ({}, parts)
    )
    assert zeros(one) > 0
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_bfloat16_autocast_keeps_exact_zeros(tmp_path: Path) -> None:
    args = arguments(tmp_path, bf16=True, seed=1)
    penalty = {"classifier.weight": L1(0.05), "*.dense.weight": L2(0.1)}
    assert zeros(trained(args, penalty, "proximal")) > 0


def test_a_target_knows_the_steps_of_the_training(tmp_path: Path) -> None:
    args, model = arguments(tmp_path, max_steps=40), bert()
    choice: Any = regularized(args, L1(1.0), "proximal", "*.pooler.*.weight", target=0.75)
    Trainer(model, args, train_dataset=rows(), optimizer_cls_and_kwargs=choice).train()
    assert int((model.get_parameter("bert.pooler.dense.weight") == 0).sum()) == 48  # of 64


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    args = arguments(tmp_path)
    with pytest.raises(ValueError, match="coupling='dual' is none of"):
        trained(args, L1(0.1), "dual")
    gpt = GPT2LMHeadModel(GPT2Config(n_positions=6, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(ValueError, match="selects no parameter of GPT2LMHeadModel"):
        trained(args, L1(0.1), model=gpt)
    with pytest.raises(ValueError, match=r"TrainingArguments\(fsdp=\.\.\.\) cuts tensors"):
        regularized(arguments(tmp_path, fsdp=True), L1(0.1))


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "lpreg.integrations.transformers")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "transformers\[torch\]>=5"$'):
        importlib.import_module("lpreg.integrations.transformers")


# --- accelerate without the Trainer ---


@pytest.fixture
def accelerator() -> Any:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, gradient_accumulation_steps=2)
    AcceleratorState._reset_state(reset_partial_state=True)


def regression() -> tuple[nn.Module, DataLoader[Any]]:
    generator = torch.Generator().manual_seed(2)
    model = nn.Linear(6, 2)
    nn.init.normal_(model.weight, generator=generator)
    nn.init.zeros_(model.bias)
    x = torch.randn(32, 6, generator=generator)
    return model, DataLoader(TensorDataset(x, x[:, :2]), batch_size=8)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.mse_loss(model(batch[0]), batch[1])


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_accelerate_accumulates(accelerator: Accelerator, coupling: str) -> None:
    model, loader = regression()
    optimizer = Regularized(SGD(model.parameters(), lr=0.2), model, L1(0.2), coupling)
    schedule = CosineAnnealingLR(optimizer, 10)
    prepared = accelerator.prepare(model, optimizer, loader, schedule)
    for _ in range(10):
        for batch in prepared[2]:
            with accelerator.accumulate(prepared[0]):
                accelerator.backward(loss(prepared[0], batch))
                prepared[1].step()
                prepared[3].step()
                prepared[1].zero_grad()

    plain, loader = regression()
    optimizer = Regularized(SGD(plain.parameters(), lr=0.2), plain, L1(0.2), coupling)
    schedule = CosineAnnealingLR(optimizer, 10)
    for _ in range(10):
        for index, batch in enumerate(loader):
            (loss(plain, batch) / 2).backward()
            if index % 2:
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
    assert_same(model, plain)


@pytest.mark.parametrize("coupling", ["decoupled", "proximal"])
def test_what_accelerate_has_prepared_is_refused(accelerator: Accelerator, coupling: str) -> None:
    model = nn.Linear(3, 1)
    prepared = accelerator.prepare(torch.optim.Adam(model.parameters()))
    with pytest.raises(ValueError, match=r"by accelerate.*give Regularized the bare one"):
        Regularized(prepared, model, L1(1e-3), coupling=coupling)


def test_accelerate_skips_what_its_scaler_skips(accelerator: Accelerator) -> None:
    model, loader = regression()
    before = model.get_parameter("weight").detach().clone()
    optimizer = Regularized(SGD(model.parameters(), lr=0.1), model, L1(1e3), "proximal")
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
    prepared = AcceleratedOptimizer(optimizer, scaler=scaler)
    skipped = []
    for _ in range(60):
        prepared.zero_grad()
        scaler.scale(loss(model, next(iter(loader)))).backward()
        prepared.step()
        skipped.append(prepared.step_was_skipped)
        if skipped[-1]:
            assert model.get_parameter("weight").equal(before)
    assert skipped[0] and not skipped[-1]
    assert (model.get_parameter("weight") == 0).all()
