"""The question of a folder of runs that were trained elsewhere and are judged there: what its page reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from kogen.common.files import read_toml, write_atomically
from kogen.common.protocols import FIND_ANOMALIES
from kogen.config.study import Study
from kogen.options.runs import EvaluateOptions
from kogen.results.asked import FIRST


def read_judged(folder: Path) -> dict[str, Any]:
    """The question of a folder of judged runs; one that names no run where there is none yet.

    ValueError for the study of a pilot.
    """
    place = folder / FIRST
    found = read_toml(place) if place.exists() else {"runs": []}
    if "runs" not in found:
        raise ValueError(f"{folder} holds the study of a pilot, whose question stays as it is: choose another --out")
    return found


def write_judged(folder: Path, runs: Sequence[str], options: EvaluateOptions | Study) -> None:
    """Write the question of a folder of judged runs, with those that it had before."""
    question: dict[str, Any] = {"runs": list(dict.fromkeys([*read_judged(folder)["runs"], *runs]))}
    question |= options.model_dump(include={"margin", "probes", "lang", "metric", "private"}, exclude_none=True)
    question |= {name: list(value) for name in ("budgets", "shots") if (value := getattr(options, name))}
    if options.task == FIND_ANOMALIES:
        question |= options.model_dump(include={"task", "normal"}, exclude_none=True)
    question |= {"draws": options.draws} if options.budgets or options.shots else {}
    question |= {name: list(value) for name in ("statistics", "plugins") if (value := getattr(options, name))}
    question |= {name: value for name in ("corrupt", "prices") if (value := getattr(options, name))}
    write_atomically(folder / FIRST, lambda place: place.write_text(tomli_w.dumps(question), encoding="utf-8"))
