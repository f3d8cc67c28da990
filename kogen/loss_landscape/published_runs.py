"""Published files of MAE and RC-MAE with their decoders, opened for a landscape of their own pre-training loss."""

from typing import Any

from torch import Tensor

from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.runs import LandscapeRun, torch_device
from kogen.loss_landscape.training_facts import name_loss, name_with_decay
from kogen.options.landscape import LandscapeOptions
from kogen.results.landscape_facts import TrainingFacts
from kogen.training.batches import Batches
from kogen.training.build import draw_method
from kogen.training.start_weights import Start, start_method

WHOLE = ("mae", "rc_mae")  # methods whose official files hold all of their loss


def open_published(name: str, start: Start, images: Images, options: LandscapeOptions) -> LandscapeRun:
    """A published network under the loss that it was pre-trained with, on frozen images of the views of its method.

    The teacher of RC-MAE is in no file: it is a copy of the student, so that the loss is what the next step of the
    training sees. ValueError for a file without the decoder, of another method, and for the loss of a probe.
    """
    if options.objective != "pretrain":
        raise ValueError(
            f"--candidates {name}: published files are looked at under their own loss, --objective pretrain, got "
            f"{options.objective}; for a probe on them ask `kogen pilot --candidates` for accuracy"
        )
    method = start.heads.method
    if method not in WHOLE:
        kind = f"the head of {method}, without what its loss compares with" if method else "a network alone"
        raise ValueError(
            f"--candidates {name}: {start.source} holds {kind} (trained by {start.framework}): its pre-training loss "
            "cannot be computed; wanted an official file of MAE or RC-MAE with its decoder, such as "
            "mae_pretrain_vit_base_full.pth"
        )
    images = images.with_channels(start.channels)
    plan = Plan(
        method=method,
        backbone=start.backbone,
        image_size=start.image_size,
        channels=start.channels,
        mean=start.mean or (0.5,),
        std=start.std or (0.25,),
        settings=dict(start.heads.settings),
        batch_size=2,
        images=len(images),
    )
    network = draw_method(plan)
    taken = start_method(network, start, method)
    if "decoder" not in taken:
        raise ValueError(
            f"--candidates {name}: the decoder in {start.source} does not fit {start.backbone} at {start.image_size} "
            f"pixels: say the size that it was trained with, {name}=FILE?image_size=224"
        )
    how: dict[str, Any] = {
        "count": options.images,
        "batch": options.batch_size,
        "seed": options.seed,
        "device": torch_device(),
    }
    batches = frozen_batches(images, Batches(plan, images, torch_device()).views, **how)
    facts: dict[str, Any] = {"objective": "-".join(["pretrain", *options.terms]), "data": images.digest}
    facts |= {"seed": options.seed, "moves": list(options.moves)}
    called = name_with_decay(name_loss(plan, facts["objective"]), options.weight_decay)
    about: dict[str, Any] = {"run_seed": None, "method": method, "backbone": start.backbone, "loss": called}
    about |= {"training": TrainingFacts("done", True)}  # it was trained elsewhere, and nothing is known against it

    def refuse() -> list[dict[str, Tensor]]:
        raise ValueError(f"{start.source} holds the end of a training alone: a trajectory needs checkpoints of a run")

    who = start.digest[:12], name, start.source
    network = network.to(torch_device())
    return LandscapeRun(*who, network, batches, options, facts, about, refuse, options.terms)


def check_candidate_names(names: list[str], models: list[str]) -> None:
    """ValueError for a candidate that is called as a run's model is: they would count as seeds of one model."""
    if taken := [name for name in names if name in models]:
        raise ValueError(f"--candidates {taken[0]}: a run's model has this name: choose another")
