"""Models from outside opened for a landscape, with a loss and batches that have been looked at twice."""

import copy
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from kogen.common.devices import exact_arithmetic
from kogen.common.files import read_sealed_json, write_sealed_json
from kogen.common.rng import generator_from_text
from kogen.loss_landscape.export import ARRAYS
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.own_loss import OwnLoss
from kogen.loss_landscape.parameters import Params
from kogen.loss_landscape.runs import LandscapeRun
from kogen.loss_landscape.tables import record_file
from kogen.loss_landscape.training_facts import name_with_decay
from kogen.loss_landscape.value_digest import value_digest
from kogen.options.landscape import PlaneOptions
from kogen.results.landscape_facts import TrainingFacts
from kogen.training.checkpoint import state_of

Models = nn.Module | Mapping[str, nn.Module | Sequence[nn.Module]]
Checkpoints = Sequence[Mapping[str, Tensor]] | Mapping[str, Sequence[Mapping[str, Tensor]]]

NAME = re.compile(r"[\w][\w .,()+=-]{0,63}", re.ASCII)  # it is the name of a folder, too
TAKEN = ("pretrain", "probe")  # what kogen calls its own losses
NUDGE = 0.5  # of the size of each number: how far the weights are moved to see whether the loss moves
SAME_LEVEL = 1e-3  # share of a loss that other processors and versions of torch may change by rounding


@dataclass(frozen=True)
class Question:
    """What is asked of models from outside: their loss on fixed batches, and how it is looked at."""

    loss: OwnLoss
    batches: Sequence[Any]
    options: PlaneOptions
    data: str  # digest of the batches
    checkpoints: Mapping[str, Sequence[Mapping[str, Tensor]]]  # states that each model's training passed, by its name


def ask_question(
    loss: Any, name: str, metrics: Mapping[str, Any] | None, batches: Any, options: PlaneOptions
) -> Question:
    """The question, without checkpoints. ValueError for a loss or metrics without a name or that cannot be called,
    and for batches that are none, or that cannot be compared with those of a later call.
    """
    given = {"the loss": loss} | {f"the metric {key!r}": one for key, one in (metrics or {}).items()}
    for title, function in given.items():
        if not callable(function):
            raise ValueError(f"{title} is a {type(function).__name__}: give a function of a model and a batch")
    own = OwnLoss(name or find_name(loss), loss, dict(metrics or {}))
    check_names(own)
    if not isinstance(batches, list | tuple) or not len(batches):
        got = "none" if isinstance(batches, list | tuple) else f"a {type(batches).__name__}"
        raise ValueError(
            f"batches: wanted a list of one batch or more, got {got}; of a DataLoader take the first ones: "
            "list(itertools.islice(loader, 8)), which are then the same at every point"
        )
    return Question(own, list(batches), options, value_digest(list(batches), "a batch"), {})


def find_name(loss: Any) -> str:
    """The name of a function. ValueError for one without: stored points are known by it."""
    name = getattr(loss, "__name__", "")
    if not name or "<" in name:
        raise ValueError(
            'the loss has no name of its own, and points on disk are known by it: give name="cross-entropy", another '
            "one for another loss"
        )
    return name


def check_names(loss: OwnLoss) -> None:
    """ValueError for names of the loss and of metrics that cannot be those of folders and columns."""
    for title, name in (("name", loss.name), *(("metrics", metric) for metric in loss.metrics)):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"{title} = {name!r}: wanted 1 to 64 letters, digits, spaces or any of _ . , ( ) + = -")
    if loss.name.partition("-")[0] in TAKEN:
        raise ValueError(f"name = {loss.name!r}: kogen calls losses of its own {' and '.join(TAKEN)}: choose another")
    if "loss" in loss.metrics:
        raise ValueError("metrics = 'loss': the loss itself has this name: choose another for the metric")
    if taken := [metric for metric in loss.metrics if metric in ARRAYS]:
        raise ValueError(f"metrics = {taken[0]!r}: exported planes have an array of this name: choose another")


def list_models(models: Any) -> list[tuple[str, nn.Module]]:
    """Name and module of each model; several of one name are seeds of one model. ValueError for what is no module."""
    if isinstance(models, nn.Module):
        models = {type(models).__name__: models}
    if not isinstance(models, Mapping) or not models:
        got = "none" if isinstance(models, Mapping) else f"a {type(models).__name__}"
        raise ValueError(f"model: wanted a torch.nn.Module, or a dict of them by name, got {got}")
    found: list[tuple[str, nn.Module]] = []
    for name, one in models.items():
        listed = list(one) if isinstance(one, list | tuple) else [one]
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"model {name!r}: wanted a name of 1 to 64 letters, digits, spaces or _ . , ( ) + = -")
        for module in listed:
            if not isinstance(module, nn.Module):
                raise ValueError(f"model {name!r}: wanted a torch.nn.Module, got a {type(module).__name__}")
            found.append((name, module))
        if not listed:
            raise ValueError(f"model {name!r}: got an empty list, wanted one module or more (seeds of one model)")
    return found


def model_digest(name: str, module: nn.Module) -> str:
    """The id of a model, 12 hex digits: its class and the names, shapes and values of parameters and buffers."""
    about = {"class": f"{type(module).__module__}.{type(module).__qualname__}", **state_of(module)}
    return value_digest(about, f"the model {name!r}")[:12]


def identify_models(models: Sequence[tuple[str, nn.Module]]) -> list[str]:
    """The id of each model. ValueError where two have the same weights: they have one landscape."""
    ids = [model_digest(name, module) for name, module in models]
    if twice := [key for key, count in Counter(ids).items() if count > 1]:
        names = " and ".join(repr(name) for (name, _), key in zip(models, ids, strict=True) if key == twice[0])
        raise ValueError(f"the models {names} have the same weights: give each once")
    return ids


def name_checkpoints(
    checkpoints: Checkpoints | None, models: Sequence[tuple[str, nn.Module]]
) -> Mapping[str, Sequence[Mapping[str, Tensor]]]:
    """Checkpoints by the name of their model. ValueError where several modules have it: each was trained apart."""
    named = checkpoints if isinstance(checkpoints, Mapping) else {models[0][0]: checkpoints or []}
    counts = Counter(name for name, _ in models)
    if many := [name for name, states in named.items() if len(states) and counts[name] > 1]:
        raise ValueError(
            f"checkpoints: the model {many[0]!r} has {counts[many[0]]} modules, and checkpoints are of the training of "
            "one: give each module a name of its own"
        )
    return named


def open_own(question: Question, name: str, module: nn.Module, seed: int | None, key: str) -> LandscapeRun:
    """A model from outside with its loss on the batches, after `check_objective`."""
    loss, options = question.loss, question.options
    facts = {"objective": loss.name, "data": question.data, "seed": options.seed, "moves": list(options.moves)}
    about = {"run_seed": seed, "backbone": type(module).__name__, "method": None}
    about |= {"loss": name_with_decay(loss.name, options.weight_decay)}
    about |= {"training": TrainingFacts("done", True)}  # nothing is known of it that would speak against the model

    def passed() -> list[dict[str, Tensor]]:
        states = [dict(state) for state in question.checkpoints.get(name, [])]
        if len(states) < 2:
            raise ValueError(
                f"the model {name!r} has {len(states)} checkpoints, and a trajectory needs two or more: give "
                f"checkpoints={{{name!r}: [state_dict, ...]}}, in the order of the training"
            )
        return states

    run = LandscapeRun(
        key, name, f"the model {name!r}", module, list(question.batches), options, facts, about, passed, loss=loss
    )
    check_module(name, module)
    chance = torch.get_rng_state()
    check_level(run, check_objective(run.make_objective(), name))
    if options.workers != 1 and not torch.equal(chance, torch.get_rng_state()):
        raise ValueError(
            f"the loss {loss.name!r} seeds and draws from torch's global generator, which the {options.workers} "
            "threads share: give workers=1, or draw once, into the batches"
        )
    if model_digest(name, module) != key:
        raise ValueError(f"the loss {loss.name!r} changed the model {name!r} itself: it has to leave it as it is")
    return run


def check_module(name: str, module: nn.Module) -> None:
    """ValueError for a model without parameters that move, and for one that cannot be copied."""
    parameters = list(module.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        many = f"{len(parameters)} parameters, all frozen: requires_grad_(True) for those that shall move"
        raise ValueError(f"the model {name!r} has {many if parameters else 'no parameters'}: nothing would move")
    try:
        copy.deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"the model {name!r} cannot be copied ({type(error).__name__}: {error}), and its weights must not be "
            "moved in place: give one that copy.deepcopy takes"
        ) from error


def check_objective(loss: Objective, name: str) -> float:
    """The loss at the weights of a model, once it has shown to be a function of the weights alone.

    It is computed at the weights, at other weights, and at the weights again. ValueError where it is not finite, comes
    out another number, does not move with the weights, switches training on, or writes to the model.
    """
    title = f"the loss {loss.name!r}"
    own = {key: buffer.clone() for key, buffer in loss.each.named_buffers()}
    first, away, again = (evaluate(loss, params) for params in (loss.at, move_away(loss.at), loss.at))  # (U, 1 + M)
    if any(part.training for part in loss.each.modules()):
        raise ValueError(
            f"{title} switches training mode on: its dropout and batch statistics would change from call to call; "
            'leave the mode as it is (evaluation), batch_norm="batch" has statistics of each batch'
        )
    if odd := [key for key, buffer in loss.each.named_buffers() if key in own and not same_numbers(own[key], buffer)]:
        raise ValueError(
            f"{title} writes to {len(odd)} buffers of the model, first {odd[0].removeprefix('module.')!r}: it has to "
            "leave it as it is"
        )
    if not (finite := first[:, 0].isfinite()).all():
        rows = (~finite).nonzero()
        raise ValueError(
            f"{title} is not finite at the weights of {name!r} ({len(rows)} of {len(first)} losses, the first is "
            f"number {int(rows[0])}): there is nothing to draw around them"
        )
    for number, metric in enumerate(loss.metrics, start=1):
        if odd := int((~first[:, number].isfinite()).sum()):
            got = f"the metric {metric!r} is not finite at the weights of {name!r} ({odd} of {len(first)} values)"
            raise ValueError(f"{got}: give a number for each loss")
    for what, one, other in zip((title, *map(repr, loss.metrics)), first.T, again.T, strict=True):
        if not same_numbers(one, other):
            raise ValueError(
                f"{what} gave {one.mean().item():.9g} and {other.mean().item():.9g} for the same weights and batches: "
                "it draws random numbers (dropout, noise, masks, shuffling), or it remembers earlier calls; draw them "
                "once, into the batches"
            )
    if torch.equal(first[:, 0], away[:, 0]):
        raise ValueError(
            f"{title} does not change when all weights do: compute it with the model that it is given, its first "
            "argument, and not with another one of the same name"
        )
    return first[:, 0].double().mean().item()


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same; what is no number is like itself. A buffer that grew is no change."""
    return one.shape != other.shape or torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))


@torch.inference_mode()
def evaluate(loss: Objective, params: Params) -> Tensor:
    """Losses of all units and the metrics, (U, 1 + M)."""
    with exact_arithmetic():
        found = loss(params)
        return found.reshape(len(found), -1)


def move_away(at: Params) -> Params:
    """Other weights: each number changed by about half of its size, those of 0 too."""
    found = {}
    for name, tensor in at.items():
        noise = torch.randn(tensor.shape, generator=generator_from_text(f"away/{name}")).to(tensor)
        found[name] = tensor + NUDGE * (tensor.abs() + 1e-3 * tensor.abs().max()) * noise
    return found


def check_level(run: LandscapeRun, level: float) -> None:
    """Keep the loss at the weights on disk. ValueError where an earlier call had another under the same name.

    Of a function nobody can tell whether it is the same; of its value at the same weights and batches one can.
    """
    path = record_file(run.options.out, "level", run.identity)
    about = {"data": run.facts["data"], "decay": run.options.weight_decay, "batch_norm": run.options.batch_norm}
    if path.exists():
        was = read_sealed_json(path)
        same = abs(was["level"] - level) <= SAME_LEVEL * max(abs(level), abs(was["level"]), 1e-6)
        if all(was[key] == value for key, value in about.items()) and not same:
            raise ValueError(
                f"the loss {run.facts['objective']!r} is {level:.6g} at the weights of {run.model!r}, and was "
                f"{was['level']:.6g} for the same weights and batches when {path.parent} was written: it is another "
                "loss; give it another name"
            )
    else:
        write_sealed_json(path, about | {"level": level})


def needs_one_thread(models: Sequence[tuple[str, nn.Module]]) -> bool:
    """Whether a model has hooks, which may put what they see where two threads would both write."""
    parts = chain.from_iterable(module.modules() for _, module in models)
    return any(part._forward_hooks or part._forward_pre_hooks for part in parts)
