"""What `--init` names, published weights or a run, kept beside the runs that begin with it."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kogen.backbones.published import read_checkpoint
from kogen.common import distributed, text
from kogen.common.files import json_digest
from kogen.common.speech.console import say
from kogen.config.plan import Plan, check_method, count_frozen
from kogen.config.study import Study, split_start
from kogen.data.images import Images
from kogen.options.study import UNTRAINED
from kogen.results.asked import may_be_replaced
from kogen.training.build import draw_method, tell_start
from kogen.training.freezing import freeze_stages
from kogen.training.run import digest_of, load_run
from kogen.training.run_heads import read_run_heads
from kogen.training.start_weights import KEPT, Start, load_start, save_start, start_method


def open_start(asked: str, out: Path | None) -> Start:
    """The weights that `--init` names, or those kept in `out` where the file is gone.

    ValueError for weights that cannot be read, and for others than `out` was begun with.
    """
    _, spec = split_start(asked)
    kept = load_start(out / KEPT) if out and (out / KEPT).exists() else None
    file = spec.partition("?")[0]
    if kept and kept.source == spec and (file.startswith("hf-hub:") or not Path(file).exists()):
        say(f"the weights of {spec} as they were kept in {out}", title="init")
        return kept
    found = read_start(asked)
    if out and kept and kept.digest != found.digest and not may_be_replaced(out):
        raise ValueError(
            f"{out} was begun with other weights than {spec} holds now (of {kept.source}, digest {kept.digest[:12]}, "
            f"and not {found.digest[:12]}): put the file back, or choose another --out"
        )
    return found


def read_starts(candidates: Mapping[str, str]) -> dict[str, Start]:
    """The weights that `--candidates` names, by their names, read where they are. ValueError as of `read_start`."""
    return {name: read_start(f"{name}={file}", "--candidates") for name, file in candidates.items()}


def read_start(asked: str, option: str = "--init") -> Start:
    """The weights that an option names, read where they are. ValueError for some that kogen cannot read."""
    name, spec = split_start(asked)
    file, said = text.parse_spec(spec)
    try:
        if Path(file).is_dir():
            return read_run_start(Path(file), spec, said)
        found, tensors, heads = read_checkpoint(file, name, said)
    except ValueError as error:
        raise ValueError(f"{option} {spec}: {error}") from error
    network = (found.framework, found.backbone, found.image_size, found.channels, found.mean, found.std)
    return Start(spec, digest_of(Path(found.file)), *network, tensors, heads, found.remarks)


def read_run_start(folder: Path, spec: str, said: dict[str, Any]) -> Start:
    """A finished run of kogen with the head of its method, as far as its checkpoint is there."""
    _, plan, _ = load_run(folder)
    weights, state = folder / "weights.safetensors", folder / "checkpoint" / "state.safetensors"
    found, tensors, heads = read_checkpoint(str(weights), "", said)
    digest = digest_of(weights)
    if plan.recipe.trains and not plan.recipe.labels and state.exists():
        heads, digest = read_run_heads(plan, state), json_digest([digest, digest_of(state)])
    network = (found.framework, found.backbone, found.image_size, found.channels, found.mean, found.std)
    return Start(spec, digest, *network, tensors, heads, found.remarks)


def keep_start(start: Start, out: Path) -> None:
    """Write the start into the folder of its runs, once; the runs read it there, whatever becomes of the file.

    One that was kept for a question for which nothing was prepared does not count.
    """
    if distributed.rank() == 0:
        place = out / KEPT
        if not place.exists() or (may_be_replaced(out) and load_start(place).digest != start.digest):
            save_start(start, place)
    distributed.from_first(True)  # nobody reads it before it is there


@contextmanager
def spare_folder(study: Study) -> Iterator[Path]:
    """A folder with the start of a study, where it has one, for as long as its cost is estimated."""
    with tempfile.TemporaryDirectory() as folder:
        if study.init is not None:
            save_start(open_start(study.init, None), Path(folder) / KEPT)
        yield Path(folder)


def begin_plan(plan: Plan, start: Start, place: Path, freeze: str | None) -> Plan:
    """The plan of a method that goes on from a start that is kept at `place`.

    The weights bring mean and std, where they say them, and the sizes of a head, unless the settings say others.
    """
    sizes = start.heads_for(plan.method).settings
    fits = all(plan.settings.get(name, size) == size for name, size in sizes.items())
    update: dict[str, Any] = {"init": start.digest, "init_file": str(place), "freeze": freeze or ""}
    update |= {"mean": start.mean, "std": start.std} if start.mean else {}
    return plan.model_copy(update=update | {"settings": {**sizes, **plan.settings} if fits else plan.settings})


def images_for(start: Start, images: Images) -> Images:
    """The images with as many channels as the weights take. ValueError where they cannot have them."""
    if images.channels != start.channels and (images.channels, start.channels) != (1, 3):
        raise ValueError(
            f"--init {start.source} holds {start.backbone} for images of {start.channels} channels, and "
            f"{images.name or 'train'} has {images.channels}: only gray (1) can be read as colour (3); give weights "
            f"for {images.channels} channels, or convert the images"
        )
    return images.with_channels(start.channels)


def check_start_fits(plan: Plan, start: Start, freeze: str | None) -> None:
    """ValueError for a method that cannot go on from a start, before any image is decoded."""
    check_method(plan.method)
    if plan.method in UNTRAINED:
        raise ValueError(
            f"{plan.method} trains nothing, so it cannot go on from --init {start.source}: judge the weights as they "
            "are, with --candidates NAME=FILE"
        )
    begun = begin_plan(plan, start, Path(), freeze)
    method = draw_method(begun.model_copy(update={"channels": start.channels, "classes": ("a", "b"), "mean": (0.5,)}))
    start_method(method, start, plan.method)
    if freeze:
        freeze_stages(method, count_frozen(freeze))


def with_network(asked: dict[str, Any], start: Start | None) -> dict[str, Any]:
    """Options with the network and the image size of a start, where they name none."""
    return asked if start is None else {"backbone": start.backbone, "image_size": start.image_size} | asked


def print_starts(plans: Sequence[Plan]) -> None:
    """Print what methods that go on from weights take over, and what begins anew."""
    for plan in {plan.model: plan for plan in plans if plan.init and not plan.name}.values():
        say(tell_start(plan), title=plan.model)
