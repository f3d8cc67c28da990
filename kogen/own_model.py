"""The landscape of any torch module under any loss, in Python: `kogen.landscape_of`."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from kogen.common.locks import lock_output
from kogen.common.outputs import claim_folder
from kogen.common.speech.console import say
from kogen.common.text import check_language
from kogen.loss_landscape.own_loss import UnitFunction
from kogen.loss_landscape.own_runs import (
    Checkpoints,
    Models,
    ask_question,
    identify_models,
    list_models,
    name_checkpoints,
    needs_one_thread,
    open_own,
)
from kogen.loss_landscape.pipeline import check_plane_options, count_workers, measure_runs, share_points
from kogen.options.landscape import PlaneOptions
from kogen.options.model import keyword_parameters, validate
from kogen.verb_results import LandscapeResult


def landscape_of(
    model: Models,
    loss: UnitFunction,
    batches: Sequence[Any],
    *,
    name: str = "",
    metrics: Mapping[str, UnitFunction] | None = None,
    checkpoints: Checkpoints | None = None,
    **options: Any,
) -> LandscapeResult:
    """Measure and draw a loss around the weights of any torch module, as OUT/landscape.html.

    `model`: a module, or {name: module} of several that are compared on the same draws; a list of modules under a name
    are its seeds. `loss(model, batch)` returns a scalar, or the loss of each sample, (B,); with samples there are
    intervals over them. `batches`: a list of anything that the loss understands. Models are copied and never changed;
    the copies are in evaluation mode. `name` of the loss: by it points on disk are known, by default the function's.
    `metrics`: name to function(model, batch), per sample where the loss is, measured in the same passes.
    `checkpoints`: state dicts in the order of the training, of one model or {name: [...]}, for
    directions="trajectory"; directions="between" is the line or plane from the first model to one or two others.

    Returns the content of OUT/landscape.json; stored points are not computed again. ValueError, before anything is
    computed, for a loss that is random, not finite, no function of the weights, or that raises.
    """
    asked = validate(PlaneOptions, options, "landscape_of")
    check_language(asked.lang)
    check_plane_options(asked)
    listed = list_models(model)
    question = ask_question(loss, name, metrics, batches, asked)
    ids, passed = identify_models(listed), name_checkpoints(checkpoints, listed)
    claim_folder(asked.out)
    process = share_points({"models": ids, "data": question.data, "loss": question.loss.name}, asked)
    device = next((str(parameter.device.type) for _, one in listed for parameter in one.parameters()), "cpu")
    workers = 1 if needs_one_thread(listed) and asked.workers is None else count_workers(asked, device)
    asked = asked.model_copy(update={"workers": workers})
    question = replace(question, options=asked, checkpoints=passed)
    opened = [
        partial(open_own, question, called, one, seed_of(listed, number), ids[number])
        for number, (called, one) in enumerate(listed)
    ]
    first = process[0] == 0
    with lock_output(asked.out, "landscape") if first else nullcontext():
        found = measure_runs(opened, asked, process, say)
        if found:
            from kogen.reporting.landscape import page

            page.write(asked.out, lang=asked.lang)
    return LandscapeResult(found, asked.out, asked.lang)


def seed_of(listed: Sequence[tuple[str, nn.Module]], number: int) -> int | None:
    """The number of a module among those of its name; None where it is alone."""
    name = listed[number][0]
    same = [place for place, (other, _) in enumerate(listed) if other == name]
    return same.index(number) if len(same) > 1 else None


OWN = [each for each in inspect.signature(landscape_of).parameters.values() if each.kind is not each.VAR_KEYWORD]
landscape_of.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [*OWN, *keyword_parameters(PlaneOptions)], return_annotation=LandscapeResult
)
landscape_of.__doc__ = "\n".join(
    [inspect.cleandoc(landscape_of.__doc__ or ""), "", "Args:"]
    + [f"    {key}: {field.description}" for key, field in PlaneOptions.model_fields.items()]
)
