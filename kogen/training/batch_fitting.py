"""Batch fitting: into how many parts a batch is cut so that a training step fits into memory."""

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import torch

from kogen.common import distributed
from kogen.common.devices import default_device, free_cached_memory, is_out_of_memory
from kogen.common.files import read_json
from kogen.common.speech.console import say
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.training.loop import trial_steps

SPARE = 2**29  # bytes of a GPU that must stay free: later its memory is fragmented
TRIAL_STEPS = 2  # the second has the optimiser's state beside everything else
SMALLER_HINT = "use a smaller --image-size or --backbone"


def choose_batch(asked: int | str | None, images: int) -> int:
    """Images per step: as asked, else the default, or the largest power of two that fewer images fill, and says so."""
    if isinstance(asked, int):
        return asked
    usual: int = Plan.model_fields["batch_size"].default
    chosen = min(usual, 2 ** max(images.bit_length() - 1, 1))
    if 1 < images < usual:
        say(f"batch of {chosen}, because there are {images} images; --batch-size chooses")
    return chosen


def whole_batch_images(images: int, batch: int) -> int:
    """Images that an epoch shows in whole batches; all images where they fill none, and at least 1."""
    return max(images // batch * batch or images, 1)


def say_if_smaller(plan: Plan, batch: int) -> None:
    """Say that a plan which trains on labelled images has a smaller batch than `batch`, where they do not fill it."""
    if plan.recipe.trains and plan.batch_size < batch:
        say(f"batch of {plan.batch_size}, because {plan.images} images have labels", title=plan.method)


def fit_batch(plan: Plan, images: Images, earlier: Path | None = None) -> Plan:
    """The plan with its batch cut into as few equal parts as fit into memory, tried by real steps.

    The batch keeps its size. A plan that was fitted before, in the folder `earlier` of a run or of a study, keeps its
    parts. Raises ValueError where not even parts of two images fit, and for several processes.
    """
    if not plan.recipe.trains:
        return plan
    for place in [earlier / "plan.json", *sorted(earlier.glob("runs/*/plan.json"))] if earlier else []:
        was = read_json(place) if place.exists() else {}
        if (was.get("method"), was.get("batch_size")) == (plan.method, plan.batch_size):
            return plan.model_copy(update={"accumulate": was["accumulate"]})
    if distributed.world_size() > 1:
        got = f"--batch-size auto is for one process, and {distributed.world_size()} train together"
        raise ValueError(f"{got}: give --batch-size, and --accumulate where it does not fit")
    for parts in part_counts(plan.batch_size, plan.accumulate):
        cut = plan.model_copy(update={"accumulate": parts})
        if fits_in_memory(cut, images):
            return cut
    raise ValueError(f"{plan.method}: not even two images at a time fit into {describe_memory()}: {SMALLER_HINT}")


@contextmanager
def explain_out_of_memory(plan: Plan, images: Images) -> Iterator[None]:
    """Turn running out of memory while the plan trains into a ValueError that says which size fits."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release(error)
        part = plan.batch_size // (plan.accumulate * distributed.world_size())
        got = f"{plan.method}: {part} images at a time do not fit into {describe_memory()}"
        raise ValueError(f"{got}: {advice(plan, images)}") from None


def advice(plan: Plan, images: Images) -> str:
    """What to do where a plan does not fit into memory: the number of parts that does fit."""
    if distributed.world_size() > 1:
        cut = f"cut the batch with --accumulate {2 * plan.accumulate} (the batch stays {plan.batch_size})"
        return f"{cut}, or {SMALLER_HINT}"
    for parts in part_counts(plan.batch_size, plan.accumulate):
        size = plan.batch_size // parts
        if parts > plan.accumulate and fits_in_memory(plan.model_copy(update={"accumulate": parts}), images):
            cut = f"{size} do. Use --accumulate {parts}, which keeps the batch of {plan.batch_size}"
            return f"{cut} (batch norm and negatives see {size} images then), or --batch-size auto"
    return f"nor do two; {SMALLER_HINT}"


def part_counts(batch: int, least: int) -> Iterator[int]:
    """Numbers of equal parts of a batch: `least`, then each time the next that halves them or more, to two images."""
    parts = least
    while parts <= batch // 2:
        yield parts
        parts = next((n for n in range(2 * parts, batch // 2 + 1) if batch % n == 0), batch)


def fits_in_memory(plan: Plan, images: Images) -> bool:
    """Whether real steps of the plan fit into memory."""
    spare = None
    try:
        if default_device() == "cuda":
            spare = torch.empty(SPARE, dtype=torch.uint8, device="cuda")
        for _ in islice(trial_steps(plan, images), TRIAL_STEPS):
            pass
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release(error)
        return False
    finally:
        del spare
        gc.collect()
    return True


def release(error: BaseException) -> None:
    """Free what the frames of an error hold, and the memory that torch caches."""
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    free_cached_memory()


def describe_memory() -> str:
    """The memory of this machine, in words."""
    if default_device() != "cuda":
        return "the memory this process may have"
    free, total = torch.cuda.mem_get_info()
    return f"the {total / 2**30:.1f} GiB of the {torch.cuda.get_device_name()} ({free / 2**30:.1f} GiB are free)"
