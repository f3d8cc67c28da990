"""The objective of a method that couples a batch, on few images: each is embedded once a point, for all batches."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from kogen.common.rng import StepRng
from kogen.loss_landscape.frozen_batches import cut_views
from kogen.loss_landscape.image_groups import GROUPS, fewest_images, leave_groups_out, usable_images
from kogen.loss_landscape.objective import Objective, UnitLosses
from kogen.loss_landscape.parameters import Params
from kogen.modules.base import CoupledMethod, Views

FEW = 64  # images of the finest grid of a plane where each has a loss of its own


class GroupedObjective(Objective):
    """Parameters to the losses of GROUPS groups of images, (GROUPS,), the pseudo-values of `image_groups`.

    `whole` is the objective of a CoupledMethod, with fixed statistics of batch norm; all but the images is shared with
    it. The value is the mean loss of batches as large as its own. What is random in the loss itself (the directions of
    LeJEPA) is that of the frozen batch in which a batch begins. ValueError for embeddings that depend on the batch.
    """

    def __init__(self, whole: Objective, images: int) -> None:
        self.__dict__.update(whole.__dict__)
        self.whole, self.images, self.size = whole, images, whole.facts["batch"]
        full, rest = divmod(images, self.size)
        last = [cut_views(views, 0, rest) for views in whole.batches[full : full + 1] if rest]
        self.parts, self.groups = whole.batches[:full] + last, leave_groups_out(images, self.size)
        with torch.inference_mode(False), torch.no_grad():
            self.check_embeddings()

    def __len__(self) -> int:
        return 1

    def run_batch(self, ready: Params, number: int) -> Tensor:
        """The losses of all groups, (GROUPS,), at parameters of `prepare_params`."""
        made = [self.embed_part(ready, views, place) for place, views in enumerate(self.parts)]
        embedded = [torch.cat(rows) for rows in zip(*made, strict=True)]  # (N, ...) each
        coupling, losses = Coupling(self.each), []
        for places in self.groups.batches:
            self.start_batch("embedded")
            given = [rows[places] for rows in embedded], self.parts[places[0] // self.size].rng
            losses.append(functional_call(coupling, ready, given))
        return self.groups.pseudo_losses(torch.cat(losses))

    def embed_part(self, ready: Params, views: Views, place: int) -> list[Tensor]:
        """The embeddings (n, ...) of the images of one frozen batch, or of a part of it."""
        self.start_batch((place, len(views.labels)))
        return functional_call(Embedding(self.each), ready, (views,))

    def start_batch(self, name: Any) -> None:
        """The following calls of constant parts are those of this batch."""
        for part in self.constant:
            part.start_batch(name)

    def check_embeddings(self) -> None:
        """ValueError where a part of a batch is embedded otherwise than in the whole batch."""
        ready, place = self.prepare_params(self.at), len(self.parts) - 1
        views = self.whole.batches[place]
        count = self.images % self.size or max(self.size // 2, 1)
        alone = self.embed_part(ready, cut_views(views, 0, count), place)
        for one, other in zip(alone, self.embed_part(ready, views, place), strict=True):
            found = other[:count]
            scale = float(found.double().abs().mean())
            if not torch.allclose(one.double(), found.double(), rtol=1e-3, atol=1e-3 * scale, equal_nan=True):
                name = type(self.each.module).__name__
                raise ValueError(
                    f"{name}.embed: the embeddings of {count} images are others in a batch of {self.size}, wanted the "
                    "same in eval mode: make it a Method with a forward, whose loss is taken batch by batch"
                )

    @property
    def facts(self) -> dict[str, Any]:
        """As of `whole`, with the images that are used; the unit is a group."""
        return self.whole.facts | {"images": self.images, "unit": "group"}


class Embedding(nn.Module):
    """Calls `embed` of the method in a UnitLosses."""

    def __init__(self, each: Any) -> None:
        super().__init__()
        self.module: Any = each.module

    def forward(self, views: Views) -> list[Tensor]:
        return self.module.embed(views)


class Coupling(nn.Module):
    """Calls `loss_of` of the method in a UnitLosses."""

    def __init__(self, each: Any) -> None:
        super().__init__()
        self.module: Any = each.module
        self.sum_terms = each.sum_terms

    def forward(self, embedded: list[Tensor], rng: StepRng) -> Tensor:
        """The sum of the terms of a batch, (1,)."""
        return self.sum_terms(self.module.loss_of(embedded, rng))


def first_images(loss: Objective, images: int) -> Objective:
    """The same objective on the first `images`, in whole batches; in groups where that is exact and they are few.

    Fewer than GROUPS batches of a CoupledMethod make a GroupedObjective, which takes seven eighths of them in whole
    batches; from GROUPS batches on, these are groups without common images, and more batches of the same images would
    make no error smaller (measured, docs/landscape.md).
    """
    whole = loss.whole if isinstance(loss, GroupedObjective) else loss
    size = whole.facts["batch"]
    images = min(images, size * len(whole))
    usable = usable_images(images, size) if embeds_once(whole) else 0
    return GroupedObjective(whole, usable) if usable and images < GROUPS * size else whole.take_first(images)


def embeds_once(loss: Objective) -> bool:
    """Whether images may be embedded once for many batches: a CoupledMethod without statistics of the batch."""
    return type(loss.each) is UnitLosses and isinstance(loss.each.module, CoupledMethod) and not loss.coupled


def default_few(loss: Objective) -> int:
    """Images of the finest grid of a plane: the fewest of which eight units or groups make error bars."""
    size = loss.facts["batch"]
    if loss.facts["unit"] == "image":
        return FEW
    return fewest_images(size) if embeds_once(loss) else GROUPS * size
