"""A fine-tuned network of a run, made once more as its study made it: a study keeps the answers, not these weights."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from kogen.common.protocols import TUNINGS, Protocol, layers_tuned
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.handover.exported_model import HEADS
from kogen.options.shared import JudgingOptions
from kogen.results.asked import read_asked
from kogen.study.extension import study_of
from kogen.study.tunings import fit_bar, folder_of
from kogen.training.tune import Tuned, Tuning, fine_tune

TUNED = "tuned"  # the layers that the run's study has fine-tuned, where it is one protocol


def name_head(asked: str, study: Path | None) -> str:
    """The head that is meant: `tuned` is the one fine-tuning of the study. ValueError for an unknown or unclear one."""
    if asked in HEADS:
        return asked
    if asked != TUNED:
        if not asked.startswith("tune"):
            raise ValueError(f"unknown head {asked!r}: write linear, {TUNED}, {TUNINGS}")
        layers_tuned(asked)  # ValueError for unknown layers
        return asked
    probes = study_of(read_asked(study), study).probes if study else ()
    there = [probe for probe in probes if layers_tuned(probe)]
    if len(there) != 1:
        got = f"its study has fine-tuned {', '.join(there)}" if there else "no study has fine-tuned this run"
        raise ValueError(f"--head {TUNED}: {got}; say which layers, as --head {there[0] if there else 'tune:all'}")
    return there[0]


def lengths_of(study: Path | None) -> Sequence[int]:
    """The numbers of steps that a fine-tuning chooses from: the study's, or the usual ones."""
    return study_of(read_asked(study), study).tune_steps if study else JudgingOptions().tune_steps


def tune_again(run: Path, plan: Plan, run_id: str, head: str, images: Images, lengths: Sequence[int]) -> Tuned:
    """The network of a run fine-tuned on all labels; what the study has tried is not tried again.

    Nothing is written into the study. ValueError as `fine_tune`.
    """
    tuning = Tuning(plan, run_id, str(run / "weights.safetensors"), layers_tuned(head), lengths)
    with TemporaryDirectory(prefix="kogen-tune-") as folder:
        for file in folder_of(run, Protocol(head)).glob("try-*.json"):
            shutil.copyfile(file, Path(folder) / file.name)
        return fine_tune(tuning, images, Path(folder), partial(fit_bar, f"{plan.model} {head}"))
