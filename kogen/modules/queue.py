"""What a method remembers: results of a step until `update`, and a queue of rows; equal on every process."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.rng import StepRng


class StepBuffer:
    """What the forward passes of one step leave for `update`; empty after it, so that no checkpoint needs it.

    A part of a batch that is put twice is kept once, and a new step replaces the last: forward may be called at will.
    """

    def __init__(self) -> None:
        self.step, self.entries = -1, {}  # (slot, start) -> rows

    def put(self, rng: StepRng, rows: Tensor, slot: int = 0) -> None:
        """Keep `rows`, those of all processes, of the micro-batch that `rng` belongs to."""
        if rng.step != self.step:
            self.step, self.entries = rng.step, {}
        self.entries[slot, rng.start] = rows.detach()

    def take(self, slot: int = 0) -> list[Tensor]:
        """Remove and return the rows put at `slot`, micro-batch after micro-batch."""
        return [self.entries.pop(key) for key in sorted(self.entries) if key[0] == slot]


class Queue(nn.Module):
    """The last `size` rows that were pushed, (size, dim); first in, first out; random unit vectors until it is full."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("rows", F.normalize(torch.randn(size, dim), dim=1))  # (K, D)
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))
        self.rows: Tensor
        self.written: Tensor
        self.filled = False  # a full queue stays full, so a GPU is not asked again

    @property
    def full(self) -> bool:
        """Whether every row has been pushed."""
        self.filled = self.filled or int(self.written) >= len(self.rows)
        return self.filled

    @torch.no_grad()
    def push(self, rows: Tensor) -> None:
        """Replace the oldest rows by `rows` (B, D); if they are more than the queue holds, by the last of them."""
        rows = rows[-len(self.rows) :]
        places = (self.written + torch.arange(len(rows), device=rows.device)) % len(self.rows)  # (B,)
        self.rows[places] = rows.to(self.rows.dtype)
        self.written += len(rows)
