"""Random numbers of a step: pure functions of (seed, step, tag), the same however a batch is divided."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class StepRng:
    """All chance of one optimiser step, for the images `start` to `stop` of a batch of `total`.

    Every draw is a pure function of (seed, step, tag) made for the whole batch, of which this part is returned:
    so N processes draw what one would, and nothing has to be saved to resume.
    """

    seed: int
    step: int
    total: int
    start: int = 0
    stop: int = -1  # -1: to the end

    def __len__(self) -> int:
        return (self.total if self.stop < 0 else self.stop) - self.start

    def part(self, start: int, stop: int) -> "StepRng":
        """The random numbers of images `start` to `stop` of this part."""
        return replace(self, start=self.start + start, stop=self.start + stop)

    def generator(self, tag: str) -> torch.Generator:
        """A CPU generator seeded from (seed, step, tag)."""
        return generator_from_text(f"{self.seed}/{self.step}/{tag}")

    def uniform(self, tag: str, *shape: int) -> Tensor:
        """Uniform draws in [0, 1), (B, *shape), float32, on the CPU."""
        return torch.rand(self.total, *shape, generator=self.generator(tag))[self.start :][: len(self)]


@contextmanager
def seeded_torch(seed: int, step: int, rank: int = 0) -> Iterator[None]:
    """While inside, torch's global generators draw what (seed, step, rank) decides, as for dropout in a network.

    That of the processor is put back afterwards.
    """
    before = torch.get_rng_state()
    torch.manual_seed(generator_from_text(f"{seed}/{step}/{rank}/global").initial_seed())
    try:
        yield
    finally:
        torch.set_rng_state(before)


def generator_from_text(text: str) -> torch.Generator:
    """A CPU generator whose draws depend on the text alone."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
