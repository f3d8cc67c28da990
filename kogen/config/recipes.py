"""A method's recipe in lines: every setting with its default, and beside it the authors' value where theirs differs."""

from collections.abc import Iterator
from typing import Any

from kogen.common import registry
from kogen.config.plan import RECIPE_NUMBERS, Plan, check_method, continued_recipe, hyperparameters


def method_lines(method: str) -> list[str]:
    """What a method is, what it costs, what it is known for and where its numbers come from."""
    recipe = registry.load("methods", method).recipe
    views = f"{recipe.views} view{'s' if recipe.views != 1 else ''}"
    times = "not measured" if recipe.cost is None else f"{recipe.cost:.1f} times supervised"
    cost = f"training cost: {times if recipe.trains else 'none'}, inference cost: none"
    title = f"{method}  ({recipe.family}, {views}, {cost})"
    return [title, f"    {recipe.headline}", f"    source: {recipe.source}"]


def recipe_lines(method: str) -> list[str]:
    """The settings of a method, a line each, under a title. ValueError for a name that is no method.

    The authors' values and where they say so lie in the recipe itself, in the method's file.
    """
    check_method(method)
    if not registry.load("methods", method).recipe.trains:
        return [f"{method} has no settings: there is nothing to train"]
    rows = [("setting", "here", "authors, where they differ"), *setting_rows(method)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{first}}  {ours:<{second}}  {theirs}".rstrip() for name, ours, theirs in rows]
    begun = continued_recipe(registry.load("methods", method).recipe)
    return [*lines, f"with --init: rate {as_text(begun.rate)}, warmup {as_text(begun.warmup)} (docs/starts.md)"]


def setting_rows(method: str) -> Iterator[tuple[str, str, str]]:
    """Name, our value and the authors' of each setting: those of the recipe, of the method, and the batch size."""
    recipe = registry.load("methods", method).recipe
    ours = {name: getattr(recipe, name) for name in RECIPE_NUMBERS} | hyperparameters(method)
    ours |= {"batch_size": Plan.model_fields["batch_size"].default}
    for name, value in ours.items():
        other = recipe.without_attention.get(name)
        here = as_text(value) + (f" ({as_text(other)} without attention)" if other is not None else "")
        theirs, source = recipe.authors.get(name, ("", ""))
        yield name, here, f"{as_text(theirs)}: {source}" if source else ""


def as_text(value: Any) -> str:
    """A value as `--set` takes it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
