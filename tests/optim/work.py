"""What one of several processes does, importable by the ones that are spawned."""

from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Adam

from lpreg import L1, Regularized

from .cases import net, task_loss

WORLD = 2
COUPLINGS = ("loss", "proximal", "dual_averaging")


def train_half(rank: int, folder: str) -> None:
    """Trains on every second row of each batch; writes weights and states to `folder`."""
    torch.set_num_threads(1)
    place = Path(folder)
    meet = (place / "meet").as_uri()
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=WORLD)
    ends = {}
    for coupling in COUPLINGS:
        model = DistributedDataParallel(net())
        optimizer = Regularized(Adam(model.parameters(), 0.02), model, L1(0.1), coupling)
        for number in range(6):
            optimizer.zero_grad()
            task_loss(model, number, slice(rank, None, WORLD)).backward()
            optimizer.step()
        ends[coupling] = (model.module.state_dict(), optimizer.state_dict())
    torch.save(ends, place / f"{rank}.pt")
    distributed.destroy_process_group()
