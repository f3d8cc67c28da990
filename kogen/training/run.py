"""A run on disk: its plan, its training and its weights; done once, resumed where it stopped."""

import hashlib
import json
import math
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import timm
import torch

from kogen.common import devices, distributed, version
from kogen.common.alarms import Alarm, AlarmKind
from kogen.common.contracts import to_plain
from kogen.common.files import read_sealed_json, sweep_temporary, write_json, write_sealed_json
from kogen.common.locks import hold_lock
from kogen.common.records import RETRAIN, read_plan_record, record_id
from kogen.common.speech.console import say
from kogen.common.speech.events import AlarmRaised, Caution, EpochEnded, RunEnded, RunStarted
from kogen.common.tables import read_arrow, write_table
from kogen.common.tensors import read_facts
from kogen.config.plan import LATER, Plan
from kogen.data.images import Images
from kogen.modules.base import DESCRIPTIVE_FIELDS, LATER_FIELDS, Backbone
from kogen.options.model import validate
from kogen.tracking.session import TrackTo
from kogen.training import checkpoint, loop, monitor
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method, network_facts, save_weights
from kogen.training.first_look import look_at_items
from kogen.training.loop import Epoch
from kogen.training.run_tracking import NOWHERE, send_finished, track_run, tracked_values
from kogen.training.seen_images import write_seen

BUSY_SECONDS = 1.0  # between two looks at runs that other jobs are at work on
# Assumed: of a busy CPU thread, of a GPU with its share of the machine, of a whole machine by Apple.
WATTS = {"cpu": 10.0, "cuda": 400.0, "mps": 40.0}


def record_of(plan: Plan) -> dict[str, Any]:
    """The plan as plan.json holds it, with all that changes the weights; the id is a hash of it."""
    versions = {"kogen": version.VERSION, "torch": torch.__version__, "timm": timm.__version__}
    recipe = {name: value for name, value in asdict(plan.recipe).items() if name not in DESCRIPTIVE_FIELDS}
    recipe = {name: value for name, value in recipe.items() if LATER_FIELDS.get(name) != value}
    record = plan.model_dump(mode="json") | {"recipe": recipe, "device": devices.default_device(), "versions": versions}
    record["precision"] = devices.resolve_precision(plan.precision)
    if plan.weights:  # a moved file is the same run, other weights at the same path are another
        record["weights"] = digest_of(Path(plan.weights))
    # Only some runs have these (candidates, 16-bit images, --init); those without them keep the ids they had before.
    record = {key: value for key, value in record.items() if key not in ("name", "framework", *LATER) or value}
    record = json.loads(json.dumps(record))  # as it will be read back: tuples are lists
    return {"id": record_id(record), "model": plan.model, **record}


def digest_of(file: Path) -> str:
    """blake2b of a file's content, hex. ValueError for a file that cannot be read."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read weights from {file}: {error.strerror}; give the file again") from error


def train_run(
    plan: Plan,
    images: Images,
    folder: Path,
    on_step: Callable[..., None] | None = None,
    *,
    keep: int = 0,
    to: TrackTo = NOWHERE,
) -> dict[str, Any]:
    """The summary of a plan, trained into `folder` as by `pretrain`, and tracked.

    ValueError where the folder holds another run.
    """
    record = record_of(plan)
    if (folder / "plan.json").exists() and (was := read_plan_record(folder))["id"] != record["id"]:
        odd = ", ".join(key for key in record if was.get(key) != record[key] and key != "id")
        raise ValueError(f"{folder} holds another run (it differs in {odd}): choose another --out, or delete it")
    finished = (folder / "summary.json").exists() and (folder / "plan.json").exists()
    facts = {name: value for name, value in record.items() if name != "id"} | {"finished": finished}
    distributed.check_agreement(facts, f"the run in {folder}")
    if finished:
        summary = read_sealed_json(folder / "summary.json", RETRAIN)
        send_finished(plan, record, summary["status"], folder, to)
        return summary
    if distributed.rank() == 0:
        write_json(folder / "plan.json", record)
        if plan.recipe.trains:
            write_seen(folder, images.labelled_subset() if plan.recipe.labels else images)
    epochs, place = list[Epoch](), folder / "checkpoint" / "state.safetensors"
    told = last_epoch(folder) if place.exists() else -1  # who deleted the checkpoint starts over
    say_start(plan, record["id"], folder, max(told, 0))
    if plan.recipe.trains:
        explained = distributed.explain_lost_peer(), explain_out_of_memory(plan, images)
        with track_run(plan, record, to) as session, interruptible() as stop, explained[0], explained[1]:
            for epoch in loop.pretrain(plan, images, folder, keep=keep, stop=stop, on_step=on_step):
                epochs.append(epoch)
                if distributed.rank() == 0:
                    write_table(folder / "training.parquet", training_table(epochs), "training")
                    if epoch.epoch > told:
                        say(EpochEnded(record["id"], epochs=plan.epochs, **vars(epoch)))
                session.log_values(epoch.epoch, tracked_values(epoch))
    method = build_method(plan)
    if place.exists():
        checkpoint.load(place, plan.fingerprint, method)
    if plan.recipe.looks:
        look_at_items(method, plan, images)
    summary = summarise_run(plan, epochs, method.floor)
    if distributed.rank() == 0:
        backbone = method.evaluation_backbone()
        facts = {"run": record["id"]} | network_facts(plan, backbone)
        save_weights(backbone, folder / "weights.safetensors", facts)
        write_json(folder / "plan.json", record)  # again: who deleted it meanwhile must not leave a run without it
        write_sealed_json(folder / "summary.json", summary)  # last: a run with a summary is complete
    say_end(summary, record["id"], folder)
    return summary


def train_or_record_failure(
    plan: Plan, images: Images, folder: Path, on_step: Callable[..., None], keep: int, to: TrackTo = NOWHERE
) -> dict[str, Any]:
    """The summary of a run after its training; NaN is recorded as a failure, and the study goes on without the run."""
    try:
        return train_run(plan, images, folder, on_step, keep=keep, to=to)
    except loop.NonFiniteLoss as broken:
        nothing = {"minutes": 0.0, "kwh": 0.0, "images_seen": 0, "images_per_second": None, "alarms": []}
        summary = record_failure(folder, nothing, [str(broken)])
        say_end(summary, folder.name, folder)
        return summary


def record_failure(folder: Path, known: Mapping[str, Any], reasons: Sequence[str]) -> dict[str, Any]:
    """The summary of a run that has failed for these reasons, written; `known`: what else its summary says."""
    alarms = [to_plain(Alarm(AlarmKind.BROKEN, None, reason)) for reason in reasons]
    summary = {**known, "status": "failed", "alarms": [*known["alarms"], *alarms]}
    if distributed.rank() == 0:
        write_sealed_json(folder / "summary.json", summary)
    return summary


def last_epoch(folder: Path) -> int:
    """The last epoch that an earlier call has told of; -1 for none, or where its table cannot be read."""
    try:
        return max(read_arrow(folder / "training.parquet")["epoch"].to_pylist(), default=-1)
    except ValueError:
        return -1


def say_start(plan: Plan, run: str, folder: Path, done: int) -> None:
    """Tell that a training begins, or goes on after `done` epochs."""
    facts = plan.model_dump(include={"method", "seed", "pool", "images", "epochs"})
    say(RunStarted(run, plan.model, done=done, folder=str(folder), **facts))


def say_end(summary: Mapping[str, Any], run: str, folder: Path) -> None:
    """Tell how a training ended."""
    facts = {name: summary[name] for name in ("status", "minutes", "images_seen", "images_per_second", "kwh")}
    say(RunEnded(run, **facts, alarms=len(summary["alarms"]), folder=str(folder)))


def say_alarms(summary: Mapping[str, Any], folder: Path, name: str) -> None:
    """Tell each alarm of the run in a folder, which people know as `name`."""
    for alarm in summary["alarms"]:
        say(AlarmRaised(read_plan_record(folder)["id"], name, alarm["kind"], alarm["epoch"], alarm["text"]))


def runs_as_free(runs: Sequence[Path]) -> Iterator[int]:
    """Number of each run, once, while its lock is this job's: those that nobody is at work on first.

    A run that another job has is waited for; it is done then, or this job goes on where that one was killed.
    """
    left, told = list(range(len(runs))), False
    while left:
        busy = []
        for number in left:
            with take_run(runs[number]) as mine:
                if mine:
                    yield number
                else:
                    busy.append(number)
        if busy and not told:
            say(f"another process is at work on {runs[busy[0]]}; this one goes on when it is done")
            told = True
        if busy == left:
            time.sleep(BUSY_SECONDS)
        left = busy


@contextmanager
def take_run(run: Path) -> Iterator[bool]:
    """Whether the run is this job's, for all processes of the job, while inside."""
    if distributed.rank() != 0:
        yield distributed.from_first(False)
        return
    with hold_lock(run / ".lock", wait=False, claim=True) as mine:
        if mine:
            sweep_temporary(run)
            sweep_temporary(run / "checkpoint")
        yield distributed.from_first(mine)


def summarise_run(plan: Plan, epochs: list[Epoch], floor: float | None) -> dict[str, Any]:
    """What summary.json holds of a finished run; `floor` is the loss at which its method is known to be stuck."""
    seconds, device = sum(e.seconds for e in epochs), devices.default_device()
    threads = max([e.threads for e in epochs], default=0) or torch.get_num_threads()
    busy = distributed.world_size() * (threads if device == "cpu" else 1)
    per_epoch = plan.images // plan.batch_size  # steps
    seen = (epochs[-1].epoch if epochs else 0) * per_epoch * plan.batch_size
    columns = ([e.epoch for e in epochs], [e.rank_me for e in epochs], [e.feature_std for e in epochs])
    alarms = monitor.find_alarms(*columns, [e.terms.get("loss", math.nan) for e in epochs], floor, per_epoch)
    return {
        "status": "done",
        "minutes": seconds / 60,
        "images_seen": seen,
        "images_per_second": seen / seconds if seconds else None,
        "kwh": seconds / 3600 * WATTS[device] * busy / 1000,
        "kwh_assumes": f"{WATTS[device]:.0f} W x {busy} {'threads' if device == 'cpu' else 'GPUs'}",
        "alarms": [to_plain(alarm) for alarm in alarms],
        "machine": platform.processor() or platform.machine(),
    }


def training_table(epochs: list[Epoch]) -> pd.DataFrame:
    """A training table (tables.SCHEMAS): a row per epoch and term; the term of the untrained network is "none"."""
    rows = []
    for e in epochs:
        rest = {k: v for k, v in asdict(e).items() if k != "terms"}
        rows += [{**rest, "term": term, "value": value} for term, value in (e.terms or {"none": math.nan}).items()]
    return pd.DataFrame(rows)


def load_run(folder: Path) -> tuple[dict[str, Any], Plan, Backbone]:
    """A finished run: its record, its plan and its backbone with the trained weights, in eval mode."""
    record = read_plan_record(folder)
    plan = validate(Plan, {k: v for k, v in record.items() if k in Plan.model_fields}, str(folder / "plan.json"))
    trained = plan.model_copy(update={"weights": str(weights_of(folder, record))})  # not those it began with
    return record, plan, build_method(trained).evaluation_backbone().eval()


def weights_of(folder: Path, record: Mapping[str, Any]) -> Path:
    """The file of a finished run's weights. ValueError where there is none yet, and for those of another run."""
    weights = folder / "weights.safetensors"
    if not weights.exists():
        raise ValueError(f"{folder} has no weights yet: its training is not finished; run the same command again")
    check_owner(weights, record)
    return weights


def check_owner(weights: Path, record: Mapping[str, Any]) -> None:
    """ValueError for weights of another run, or of none where this version wrote the run; older ones are said."""
    owner, wrote = read_facts(weights, RETRAIN).get("run"), record.get("versions", {}).get("kogen")
    if owner is None and wrote == version.VERSION:
        raise ValueError(
            f"{weights} does not say of which run it is, as kogen {wrote}, which made {record['id']}, writes: "
            f"put its own back; {RETRAIN}"
        )
    if owner is None:
        say(Caution(f"{weights} was written by another version of kogen: whose weights these are is not checked"))
    elif owner != record["id"]:
        raise ValueError(
            f"{weights} is of the run {owner}, and lies in the folder of {record['id']}: put its own back; {RETRAIN}"
        )


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yields a function that is True once Ctrl-C or SIGTERM asked to save and stop; the second one stops at once."""
    received: list[int] = []

    def receive(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    try:
        before = {s: signal.signal(s, receive) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread may take signals
        before = {}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:  # after the last time that anybody asked
        raise KeyboardInterrupt
