"""Where a stack saves itself while it trains, so that a killed run goes on within it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lpreg import __version__
from lpreg.study.files import replace


@dataclass
class StackCheckpoint:
    """The file of one stack: what `lpreg.train.Host` asks for.

    What does not belong to this stack, was written by other versions or on another device, or does
    not have the hash that it was saved with, is never believed: the stack begins again.

    Attributes:
        file: where it is kept.
        stack: the id of the stack, a hash of its members, device and threads.
        device: where the stack lives.
        seconds: the least time between two saves.
    """

    file: Path
    stack: str
    device: str = "cpu"
    seconds: float = 60.0

    def load(self) -> dict[str, Tensor] | None:
        """What was saved last, None for a start from the beginning."""
        try:
            with safe_open(self.file, "pt") as tensors:
                about = tensors.metadata() or {}
                if about.get("origin") != self._origin():
                    return None
                state = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return None
        return state if about.get("hash") == _hash(state) else None

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Keep this instead of what was saved before; all or nothing.

        What cannot be written (a full disk) leaves the one before, and training goes on.
        """
        # a copy each: safetensors refuses tensors that share memory or do not lie in one piece
        kept = {
            name: tensor.detach().to("cpu", copy=True).contiguous()
            for name, tensor in state.items()
        }
        about = {"origin": self._origin(), "hash": _hash(kept), "step": str(int(kept["step"]))}
        with suppress(OSError, SafetensorError):
            replace(self.file, lambda part: save_file(kept, part, about))

    def step(self) -> int:
        """The steps that are done in it, as far as its head tells; 0 when it is of no use."""
        try:
            with safe_open(self.file, "pt") as tensors:
                about = tensors.metadata() or {}
        except (OSError, SafetensorError):
            return 0
        return int(about["step"]) if about.get("origin") == self._origin() else 0

    def _origin(self) -> str:
        """What must be the same for the same numbers."""
        chip = torch.backends.cpu.get_cpu_capability()
        if self.device != "cpu":
            chip = torch.cuda.get_device_name(self.device)
        return json.dumps([self.stack, __version__, torch.__version__, chip])


def _hash(state: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
