"""`Regularization` in real Lightning trainings: each does what the plain loop does."""

import importlib
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset

from lpreg import L1, L2, Regularized
from lpreg.integrations.lightning import Regularization
from lpreg.optim import COUPLINGS

pytestmark = pytest.mark.filterwarnings(
    r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning",
    r"ignore:The 'train_dataloader' does not have many workers",
)


class Regression(pl.LightningModule):
    """Eight inputs of which two matter; Adam with a learning rate that falls at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 1))
        generator = torch.Generator().manual_seed(0)
        for parameter in self.net.parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)

    def training_step(self, batch: Any, index: int = 0) -> Tensor:
        x, y = batch
        return mse_loss(self.net(x.to(self.dtype)), y.to(self.dtype))

    def configure_optimizers(self) -> Any:
        adam = Adam(self.net.parameters(), lr=1e-2)
        schedule = CosineAnnealingLR(adam, 40)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Adversaries(Regression):
    """Two optimizers, stepped by hand, and a third without any weight."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, index: int = 0) -> None:  # pyright: ignore
        for optimizer in self.optimizers():  # pyright: ignore
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch))
            optimizer.step()

    def configure_optimizers(self) -> Any:
        first, last = self.net[0], self.net[2]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        groups = [{"params": [first.weight], "lr": 1e-2}, {"params": [first.bias], "lr": 1e-3}]
        return SGD(groups), Adam([last.weight], lr=1e-2), SGD([last.bias], lr=1e-2)


def batches(size: int = 16) -> DataLoader[Any]:
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    return DataLoader(TensorDataset(x, x[:, :2].sum(1, keepdim=True)), batch_size=size)


def trainer(*callbacks: Callback, epochs: int = 5, **options: Any) -> pl.Trainer:
    quiet = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger")
    settings = {**dict.fromkeys(quiet, False), "accelerator": "cpu", "devices": 1, **options}
    return pl.Trainer(callbacks=list(callbacks), max_epochs=epochs, **settings)


def fitted(module: Any, *callbacks: Callback, size: int = 16, **options: Any) -> Any:
    trainer(*callbacks, **options).fit(module, batches(size))
    return module


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert a.equal(b)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_it_trains_as_the_plain_loop_does(coupling: str) -> None:
    ours = fitted(Regression(), Regularization(L1(0.05), coupling, where="first"))
    plain = Regression()
    adam = Adam(plain.net.parameters(), lr=1e-2)
    optimizer = Regularized(adam, plain, L1(0.05), coupling, where="first")
    schedule = CosineAnnealingLR(optimizer, 40)
    for _ in range(5):
        for batch in batches():
            optimizer.zero_grad()
            plain.training_step(batch).backward()
            optimizer.step()
            schedule.step()
    assert_same(ours, plain)
    assert bool((ours.net[0].weight == 0).any()) == (coupling in ("proximal", "dual_averaging"))
    assert not (ours.net[2].weight == 0).any()


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_resumed_training_gives_the_same_numbers(coupling: str, tmp_path: Path) -> None:
    whole = fitted(Regression(), Regularization(L1(0.05), coupling))
    half = trainer(Regularization(L1(0.05), coupling), epochs=2)
    half.fit(Regression(), batches())
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed, module = trainer(Regularization(L1(0.05), coupling)), Regression()
    resumed.fit(module, batches(), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert_same(whole, module)


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    bare = trainer(epochs=1)
    bare.fit(Regression(), batches())
    bare.save_checkpoint(tmp_path / "bare.ckpt")
    resumed = trainer(Regularization(L1(0.05)))
    with pytest.raises(ValueError, match=r"not saved by lpreg\.Regularized"):
        resumed.fit(Regression(), batches(), ckpt_path=tmp_path / "bare.ckpt")


def test_several_optimizers_and_groups_by_hand() -> None:
    module, plain = Adversaries(), Adversaries()
    lightning = trainer(
        Regularization({"net.0.weight": L1(0.5), "*.2.weight": L2(0.1)}, "proximal")
    )
    lightning.fit(module, batches())
    first, last, bare = plain.configure_optimizers()
    optimizers = (
        Regularized(first, plain, {"net.0.weight": L1(0.5)}, "proximal"),
        Regularized(last, plain, {"net.2.weight": L2(0.1)}, "proximal"),
        bare,
    )
    plain.optimizers = lambda: optimizers  # pyright: ignore
    plain.manual_backward = lambda loss: loss.backward()  # pyright: ignore
    for _ in range(5):
        for batch in batches():
            plain.training_step(batch)
    assert_same(module, plain)
    assert [type(each) is SGD for each in lightning.optimizers] == [False, False, True]


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_accumulated_gradients_are_one_step(coupling: str) -> None:
    parts, whole = Regression().double(), Regression().double()
    fitted(parts, Regularization(L1(0.05), coupling), accumulate_grad_batches=4, epochs=8)
    fitted(whole, Regularization(L1(0.05), coupling), size=64, epochs=8)
    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_clipping_sees_the_task_gradient_alone() -> None:
    options = {"gradient_clip_val": 1e-3, "epochs": 1, "limit_train_batches": 1}
    callback = Regularization(L1(100.0), "proximal", where="last")
    ours = fitted(Regression(), callback, **options)
    bare = fitted(Regression(), **options)
    assert ours.net[0].weight.equal(bare.net[0].weight)
    assert (ours.net[2].weight == 0).all()


def test_bfloat16_keeps_exact_zeros() -> None:
    for precision, dtype in (("bf16-mixed", torch.float32), ("bf16-true", torch.bfloat16)):
        module = fitted(Regression(), Regularization(L1(0.05), "proximal"), precision=precision)
        assert module.net[0].weight.dtype == dtype
        assert 0 < int((module.net[0].weight == 0).sum()) < 96


class Plain(Regression):
    """Without a schedule: torch warns of one whose first steps an optimizer skips."""

    def configure_optimizers(self) -> Any:
        return Adam(self.net.parameters(), lr=1e-2)


def test_a_step_that_the_scaler_skips_changes_nothing() -> None:
    def half(scale: float) -> Any:
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=1000)
        plugin = MixedPrecision("16-mixed", "cpu", scaler)
        callback = Regularization(L1(1.0), "proximal", where="first")
        return fitted(Plain(), callback, plugins=[plugin], epochs=1, limit_train_batches=2)

    assert_same(half(2.0**40), Plain())
    assert (half(2.0**10).net[0].weight == 0).any()


@pytest.mark.parametrize("coupling", ["proximal", "dual_averaging"])
def test_a_target_knows_the_steps_of_the_training(coupling: str) -> None:
    target = {"target": 0.6, "where": "net.0.weight"}
    lightning = trainer(Regularization(L1(1.0), coupling, **target), epochs=10)
    lightning.fit(module := Regression(), batches())
    assert int((module.net.get_parameter("0.weight") == 0).sum()) in (57, 58)  # of 96
    (optimizer,) = lightning.optimizers
    assert isinstance(optimizer, Regularized) and optimizer.held
    endless = trainer(Regularization(L1(1.0), coupling, **target), epochs=-1)
    with pytest.raises(ValueError, match="steps"):
        endless.fit(Regression(), batches())


class Watch(Callback):
    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seen.append({key: float(value) for key, value in trainer.callback_metrics.items()})


def test_what_is_logged_after_each_epoch() -> None:
    watch = Watch()
    module = fitted(
        Regression(), Regularization(L1(0.05), "proximal", target=None), watch, epochs=4
    )
    assert len(watch.seen) == 4
    weights = torch.cat([module.net[0].weight.flatten(), module.net[2].weight.flatten()]).detach()
    assert watch.seen[-1] == {
        "penalty_value": pytest.approx(0.05 * float(weights.abs().sum())),
        "zeros": pytest.approx(float((weights == 0).float().mean())),
    }
    assert 0 < watch.seen[-1]["zeros"] < 1


def test_the_learning_rate_is_logged_once(tmp_path: Path) -> None:
    monitor = LearningRateMonitor()
    logger = CSVLogger(tmp_path)
    fitted(Regression(), Regularization(L1(0.05)), monitor, logger=logger, log_every_n_steps=1)
    assert list(monitor.lrs) == ["lr-Adam"]
    assert monitor.lrs["lr-Adam"][0] > monitor.lrs["lr-Adam"][-1]


def test_what_cannot_work_is_said_before_training() -> None:
    class OnlyBiases(Regression):
        def configure_optimizers(self) -> Any:
            return SGD([self.net.get_parameter("0.bias")], lr=0.1)

    with pytest.raises(ValueError, match="holds none of the penalised parameters"):
        fitted(OnlyBiases(), Regularization(L1(0.1)))
    with pytest.raises(ValueError, match=r"decupled.*did you mean 'decoupled'"):
        fitted(Regression(), Regularization(L1(0.1), "decupled"))
    sharded = trainer(strategy=ModelParallelStrategy(1, 1))
    with pytest.raises(ValueError, match="ModelParallelStrategy cuts tensors into pieces"):
        Regularization(L1(0.1)).on_fit_start(sharded, Regression())


def test_without_lightning_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, "lpreg.integrations.lightning")
    with pytest.raises(ModuleNotFoundError, match=r"not installed: pip install lightning$"):
        importlib.import_module("lpreg.integrations.lightning")
