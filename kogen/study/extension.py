"""The extension of a study: what a command asks beyond what was asked before, and what it may not ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kogen.augmentation.series_corruptions import parse_corruptions_of
from kogen.augmentation.view_sets import kind_of_views
from kogen.common.protocols import FIND_BOXES, layers_tuned, pool_shares
from kogen.common.text import join_names
from kogen.config.study import BESIDE, Study, make_study
from kogen.options.model import shorten
from kogen.results.asked import (
    COUNTS,
    FIRST,
    Asked,
    Extension,
    extend_fields,
    flag_of,
    read_asked,
    read_question,
)
from kogen.study.set_sources import shifts_of
from kogen.study.study_start import open_start, with_network

# Options in which a study may grow; what is not in them or in FREE is what its runs and answers are made of, and stays.
GROWING = (
    *COUNTS,
    "methods",
    "settings",
    "compare_views",
    "candidates",
    "shifts",
    "transfers",
    "corrupt",
    "probes",
    "budgets",
    "shots",
    "pools",
)
# Options that no run and no row of predictions depends on.
FREE = ("margin", "lang", "max_bad", "metric", "transfer_metrics", "statistics", "costs", "prices", "plugins")
MISSING: Any = object()


def free_options(known: Study) -> tuple[str, ...]:
    """Options that may change, and the lengths of fine-tunings as long as the study has none."""
    tuned = known.task == FIND_BOXES or any(layers_tuned(probe) for probe in known.probes)
    return FREE if tuned else (*FREE, "tune_steps")


@dataclass(frozen=True)
class Merge:
    """A study as it is from now on, what a command adds to it, and what of it the command did not ask for."""

    study: Study
    extension: Extension
    kept: list[str]  # `--seeds 5`: the study has more than is asked for

    @property
    def is_new(self) -> bool:
        """Whether the command asks anything that was not asked before."""
        return bool(self.extension.added or self.extension.changed)


def study_of(asked: Asked, folder: Path) -> Study:
    """The study that is asked by now. ValueError for a study.toml, or an extension, that is none of a pilot."""
    first = dict(asked.first)
    if first.get("init"):  # a study.toml that was written by hand may leave its network to the weights
        first = with_network(first, open_start(first["init"], folder))
    study = make_study(first, str(folder / FIRST))
    for one in asked.extensions:
        study = extend_study(study, one)
    return study


def read_opened_question(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """As `read_whole_question`, with what weights and source say where the question leaves that to them."""
    asked = read_asked(folder)
    whole = study_of(asked, folder).model_dump(mode="json") if "source" in asked.first else None
    return read_question(folder), whole


def extend_study(study: Study, extension: Extension) -> Study:
    """The study with what an extension adds and changes."""
    fields = study.model_dump(mode="json")
    if "shifts" in extension.added:
        fields["shifts"] = shifts_of(study)  # a set that brings its own shifts keeps them beside those that are named
    return make_study(extend_fields(fields, extension), "pilot")


def merge_studies(known: Study, wanted: Study, folder: Path) -> Merge:
    """What `wanted` adds to the study in a folder. ValueError names every option that may not differ and does.

    Nothing that is there is ever taken away: fewer seeds or sets than it has are said in `kept`.
    """
    place = f"{folder / FIRST} asks another question than this command"
    if odd := differing_options(known, wanted):
        can = (
            "only seeds, methods, views, candidates, sets, corruptions, probes, budgets, draws and images can be added"
        )
        raise ValueError(f"{place}: {'; '.join(odd)}. Choose another --out, or ask as before: {can} to a study")
    added: dict[str, Any] = {}
    kept: list[str] = []
    for name in COUNTS:
        old, new = getattr(known, name), getattr(wanted, name)
        if new > old:
            added[name] = new
        elif new < old:
            kept.append(f"{flag_of(name)} {old}")
    for name in GROWING[len(COUNTS) :]:
        more, fewer = new_parts(name, known, wanted)
        if more:
            added[name] = more
        kept += [f"{flag_of(name)} {text}" for text in fewer]
    free = free_options(known)
    changed = {name: getattr(wanted, name) for name in free if getattr(wanted, name) != getattr(known, name)}
    if "prices" in changed and not wanted.prices:  # who adds seeds need not name them again
        del changed["prices"]
        kept.append(f"{flag_of('prices')} {join_names(list(known.prices))}")
    before = {name: getattr(known, name) for name in [*changed, *(name for name in COUNTS if name in added)]}
    extension = Extension(added, changed, before)
    return Merge(extend_study(known, extension), extension, kept)


def new_parts(name: str, known: Study, wanted: Study) -> tuple[Any, list[str]]:
    """What an option of several parts adds to a study, as it is written down; and the parts it does not ask for."""
    if name == "corrupt":
        old, new = corruptions_of(known), corruptions_of(wanted)
        fewer = [part for part in old if part not in new]
        return wanted.corrupt if set(new) - set(old) else None, [join_names(fewer)] if fewer else []
    old, new = parts_of(name, known), parts_of(name, wanted)
    if isinstance(old, Mapping):
        more = {key: value for key, value in new.items() if key not in old}
        more = more if name == "settings" else [[key, value] for key, value in more.items()]  # in order, also in JSON
    else:
        more = [key for key in new if key not in old]
    fewer = [] if name == "settings" else [key for key in old if key not in new]  # those of methods not asked for
    return more, [join_names(fewer)] if fewer else []


def differing_options(known: Study, wanted: Study) -> list[str]:
    """Every option that runs are made of and that differs: its name, its value there and its value here."""
    odd = []
    for name in Study.model_fields:
        if name not in (*GROWING, *BESIDE, *free_options(known)) and (was := getattr(known, name)) != (
            now := getattr(wanted, name)
        ):
            odd.append(describe_difference(flag_of(name), was, now))
    for name in ("candidates", "compare_views", "shifts", "transfers"):
        old, new = parts_of(name, known), parts_of(name, wanted)
        for key in [key for key in old if key in new and old[key] != new[key]]:
            odd.append(describe_difference(f"{flag_of(name)} {key}=", old[key], new[key]))
    for method in [method for method in (*known.methods, "detect") if method in (*wanted.methods, "detect")]:
        old, new = known.settings.get(method, {}), wanted.settings.get(method, {})
        for key in [key for key in {**old, **new} if old.get(key, MISSING) != new.get(key, MISSING)]:
            values = (
                "its default" if one is MISSING else one for one in (old.get(key, MISSING), new.get(key, MISSING))
            )
            odd.append(describe_difference(f"--set {method}.{key}=", *values))
    if known.probes[0] != wanted.probes[0]:
        odd.append(describe_difference("the first --probe, which decides,", known.probes[0], wanted.probes[0]))
    return odd


def describe_difference(option: str, was: Any, now: Any) -> str:
    """An option with its value in the study and the one of the command."""
    texts = (
        "not given" if value is None else value if isinstance(value, str) else shorten(value) for value in (was, now)
    )
    there, here = texts
    return f"{option} is {there} there and {here} here"


def parts_of(name: str, study: Study) -> Any:
    """The parts of an option; of shifts also those that the source brings, and of pools those that are a part."""
    if name == "pools":
        return list(pool_shares(study.pools))
    return shifts_of(study) if name == "shifts" else getattr(study, name)


def corruptions_of(study: Study) -> list[str]:
    """The corruptions of a study, `blur:5`."""
    asked = parse_corruptions_of(kind_of_views(study.views), study.corrupt) if study.corrupt else []
    return [f"{name}:{level}" for name, level in asked]
