"""The cost estimate of a study: minutes, memory and disk, from a few real steps before anything is trained."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from kogen.common import distributed, registry
from kogen.common.devices import default_device
from kogen.common.files import read_sealed_json
from kogen.common.protocols import BOX_DETECTORS, layers_tuned, split_protocol, tunings_among
from kogen.common.records import RETRAIN
from kogen.common.system import peak_memory, share_of_cores
from kogen.common.threads import few_threads
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.evaluation.anomalies import time_detector
from kogen.evaluation.features import embed
from kogen.evaluation.label_budgets import drawn_rows
from kogen.evaluation.probe_shelf import load_probe
from kogen.results.gather import TABLE
from kogen.study.pool_parts import part_of_pool
from kogen.study.predictions import missing_answers, protocols_of_run
from kogen.study.splits import Splits
from kogen.study.study_splits import StudySplits
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method
from kogen.training.loop import trial_steps
from kogen.training.tune import Tuning, count_steps, repeat_images

TIMED_STEPS = 3  # after a first one that is not timed
TIMED_IMAGES = 512  # on which embedding and fitting the probes is timed


@dataclass(frozen=True)
class Cost:
    """What a study, or what is left of it, costs on this machine, estimated."""

    minutes: float
    memory_gb: float  # peak of a process at work, and of the GPU if there is one, the larger
    disk_gb: float
    seconds_per_step: dict[str, float]  # by method that is left to train; 0 for one that has no steps
    at_once: int = 1  # processes at work

    def __str__(self) -> str:
        minutes = f"about {self.minutes:.0f} min" if self.minutes >= 1 else "less than a minute"
        shared = (f" with {self.at_once} runs at a time", " each") if self.at_once > 1 else ("", "")
        return f"{minutes}{shared[0]}, {self.memory_gb:.1f} GB of memory{shared[1]}, {self.disk_gb:.2f} GB of disk"


@dataclass(frozen=True)
class Work:
    """What is left to do of a run."""

    number: int  # of its plan
    trains: bool  # it has to be trained, and its weights to be written
    images: int  # to be embedded and judged, those that the probes learn from among them
    tunings: Sequence[str] = ()  # protocols that fine-tune it and have no answers yet, once for each set of labels
    labels: int = 1  # sets of labels that its probes learn: the study's, and those of transfer sets
    detectors: Sequence[str] = ()  # protocols by which a detector is trained on its network


def unfinished_work(
    runs: Sequence[Path],
    plans: Sequence[Plan],
    judged: Sequence[tuple[StudySplits, Path]],
    protocols: Sequence[str],
) -> list[Work]:
    """What is left of the runs of plans: runs to train, and finished ones that lack answers.

    `judged`: the sets of a study and its folder, then each transfer set and its own.
    """
    left = []
    for number, (run, plan) in enumerate(zip(runs, plans, strict=True)):
        done = (run / "summary.json").exists() and (run / "plan.json").exists()
        if done and read_sealed_json(run / "summary.json", RETRAIN)["status"] != "done":
            continue
        asked, images, tunings, labels = protocols_of_run(protocols, plan.method, plan.pool), 0, list[str](), 0
        detectors = list[str]()
        for sets, folder in judged:
            missing = missing_answers(folder / "runs" / run.name / TABLE, sets.of(plan), asked)
            images += count_judged(sets.of(plan), {name for name, _ in missing})
            names = list(dict.fromkeys(protocol for _, protocol in missing))
            tunings += tunings_among(names)
            detectors += [name for name in names if split_protocol(name).probe in BOX_DETECTORS]
            labels += bool(missing)
        if images or not done:
            left.append(Work(number, not done, images, tunings, labels, detectors))
    return left


def count_judged(sets: Splits, names: Collection[str]) -> int:
    """Images that are embedded to judge a run on some sets: theirs, and those that the probes learn from."""
    return len(sets.train) + sum(len(sets.tests[name]) for name in names) if names else 0


def estimate_cost(
    plans: Sequence[Plan],
    sets: Splits,
    protocols: Sequence[str],
    lengths: Sequence[int],
    left: Sequence[Work] | None = None,
    at_once: int = 1,
) -> Cost:
    """Cost of training the plans, embedding the labelled sets, fitting the probes and fine-tuning, from real steps.

    `lengths`: numbers of steps that fine-tunings choose from. `left`: what is still to be done; without it, everything.
    `at_once`: processes that share the runs and the cores.
    """
    every = count_judged(sets, sets.tests)
    if left is None:
        asked = [tunings_among(protocols_of_run(protocols, plan.method, plan.pool)) for plan in plans]
        left = [Work(number, True, every, tunings) for number, tunings in enumerate(asked)]
    at_once = max(1, min(at_once, len(left)))
    with few_threads(share_of_cores(at_once)):
        seconds, steps = time_steps(plans, sets, protocols, lengths, left)
    disk = sum(bytes_of_a_run(plans[work.number]) for work in left if work.trains)
    peak = peak_memory()
    if torch.cuda.is_available():
        peak = max(peak, torch.cuda.max_memory_allocated())
    return Cost(seconds / 60 / at_once, peak / 1e9, disk / 1e9, steps, at_once)


def time_steps(
    plans: Sequence[Plan], sets: Splits, protocols: Sequence[str], lengths: Sequence[int], left: Sequence[Work]
) -> tuple[float, dict[str, float]]:
    """Seconds of what is left, one run after the other, and those of a training step of each method."""
    steps: dict[str, float] = {}
    tuning: dict[tuple[str, str], float] = {}  # seconds of a step, by candidate and layers
    # Of the network that the trained methods share, and of each candidate's own; on parts of the images fewer probes.
    judging: dict[tuple[str, str], tuple[float, float]] = {}
    seconds = 0.0
    for work in left:
        plan = plans[work.number]
        pool = sets.pool.with_channels(plan.channels)
        if work.trains:
            if plan.method not in steps:
                steps[plan.method] = seconds_of_a_step(plan, part_of_pool(pool, plan))
            seconds += steps[plan.method] * (plan.images // plan.batch_size * plan.epochs)
        if work.images:
            if (plan.name, plan.pool) not in judging:
                judging[plan.name, plan.pool] = seconds_of_judging(plan, pool.labelled_subset(), protocols)
            embedding, probing = judging[plan.name, plan.pool]
            seconds += embedding * work.images + probing * work.labels
            for name in map(split_protocol, work.tunings):
                key, labelled = (plan.name, name.probe), pool.labelled_subset()
                if key not in tuning:
                    tuning[key] = seconds_of_a_tuning_step(plan, labelled, name.probe)
                labels = len(drawn_rows(labelled, name))
                seconds += tuning[key] * count_steps(labels, lengths) + embedding * work.images
    return seconds, steps


def seconds_of_a_step(plan: Plan, pool: Images) -> float:
    """Seconds of a training step, the mean of a few real ones; 0 for a method that is not trained."""
    if not plan.recipe.trains:
        return 0.0
    with distributed.explain_lost_peer(), explain_out_of_memory(plan, pool):
        ends = [time.perf_counter() for _ in islice(trial_steps(plan, pool), TIMED_STEPS + 1)]
    return (ends[-1] - ends[0]) / TIMED_STEPS


def seconds_of_a_tuning_step(plan: Plan, labelled: Images, probe: str) -> float:
    """Seconds of a step of a fine-tuning, of the network as it is drawn."""
    seen = repeat_images(labelled, (TIMED_STEPS,))
    return seconds_of_a_step(Tuning(plan, "", "", layers_tuned(probe), ()).plan_for(seen, 1.0, 1), seen)


def seconds_of_judging(plan: Plan, labelled: Images, protocols: Sequence[str]) -> tuple[float, float]:
    """Seconds to embed one image, and to fit the probes of all protocols (taken as linear in the number of labels)."""
    backbone = build_method(plan).backbone.to(default_device())
    spread = np.unique(np.linspace(0, len(labelled) - 1, min(TIMED_IMAGES, len(labelled))).astype(np.int64))
    some, view = labelled.subset(spread), plan.evaluation_view
    embed(backbone, some, view)
    began = time.perf_counter()  # features and predictions lie on the CPU: a GPU is done when they are returned
    features = embed(backbone, some, view)
    embedded = time.perf_counter()
    seconds, ends = 0.0, {}
    for asked in map(split_protocol, protocols_of_run(protocols, plan.method, plan.pool)):
        if layers_tuned(asked.probe) or asked.probe in BOX_DETECTORS:
            continue
        if asked.probe not in ends and asked.probe in registry.names("detectors"):
            ends[asked.probe] = time_detector(backbone, view, some, asked.probe)
        if asked.probe not in ends:
            start = time.perf_counter()
            load_probe(asked.probe)(features, features, device=default_device())
            ends[asked.probe] = (time.perf_counter() - start) / len(some)
        labels = len(drawn_rows(labelled, asked))
        seconds += ends[asked.probe] * labels
    return (embedded - began) / len(some), seconds


def bytes_of_a_run(plan: Plan) -> float:
    """Bytes of a run on disk: the weights, and parameters, momentum and buffers in its checkpoint."""
    method = build_method(plan)
    trained = sum(p.numel() for p in method.parameters() if p.requires_grad) * plan.recipe.trains
    everything = sum(t.numel() for t in [*method.parameters(), *method.buffers()]) * plan.recipe.trains
    return 4.0 * (everything + trained + sum(p.numel() for p in method.backbone.parameters()))
