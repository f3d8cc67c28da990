"""The inventory of a study: sets, runs, choices, files with their hashes, and the commands that repeat it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kogen.common.files import read_json, read_sealed_json
from kogen.common.objects import PREFIX
from kogen.common.protocols import FIND_BOXES, split_protocol
from kogen.common.records import made_with
from kogen.common.tables import read_arrow
from kogen.options.audit import AuditOptions
from kogen.options.command_line import command_line
from kogen.options.runs import EvaluateOptions, ReportOptions
from kogen.options.study import PilotOptions
from kogen.reporting.audit.cross_checks import DATA, read_records
from kogen.reporting.audit.recompute import prices_of
from kogen.results.answers.transfer_leads import TRANSFER, transfer_folders
from kogen.results.asked import FIRST, Asked, extension_options
from kogen.results.gather import REJUDGE, TABLE, stored_digests

HASHED = ("*.toml", "*.json", "*.parquet", "runs/*/*.json", "runs/*/*.parquet", "runs/*/*.npy")
HASHED += ("runs/*/tuned/*/*.json",)
HASHED += tuple(f"{TRANSFER}/*/{pattern}" for pattern in HASHED)
OWN = ("audit.json",)  # what the audit writes itself
AGAIN = "again"  # the folder that the commands write to
NOT_RECORDED = None
TUNED = ("linear", "knn")  # probes with numbers that are or could be chosen


@dataclass(frozen=True)
class SetFacts:
    """A set of images: what data.json says of it, and what the tables hold."""

    name: str
    role: str
    source: str
    images: int
    labelled: int
    classes: dict[str, int]
    unusable: int
    twice: int  # images that are there more than once, pixel for pixel
    near_copies: int | None
    in_train: int | None  # test images with a twin in train
    clusters: int | None
    groups: int | None  # lines, lots, cameras; 0 where the source names none
    digest: str | None  # of its images and labels; of train, of those with a label


@dataclass(frozen=True)
class RunFacts:
    """A run: what its plan says."""

    id: str
    model: str
    method: str
    seed: int | None
    status: str
    images: int | None  # trained on
    data: str | None  # digest of these
    epochs: int | None
    batch_size: int | None
    accumulate: int | None
    rate: float | None
    device: str | None
    precision: str | None
    versions: dict[str, str]


@dataclass(frozen=True)
class Choice:
    """Something that was chosen: its value, or none where that is not recorded, and by what it was chosen."""

    name: str  # a key of words.toml, choice_...
    value: str | None
    by: str  # a key of words.toml, by_...


@dataclass(frozen=True)
class Addition:
    """What was added to a study after it was asked first."""

    options: list[str]
    after_verdict: bool  # a verdict could be read by then


@dataclass(frozen=True)
class FileFacts:
    """A file and its hash."""

    path: str
    bytes: int
    sha256: str


def list_sets(study: Path) -> list[SetFacts]:
    """The sets of a study, in the order of data.json; then both parts of each transfer set."""
    found = sets_in(study)
    for name, place in transfer_folders(study).items():
        found += [replace(one, name=f"{name}, {one.role}", role="transfer") for one in sets_in(place)]
    return found


def sets_in(study: Path) -> list[SetFacts]:
    """The sets of the tables in a folder, in the order of its data.json."""
    if not (study / DATA).exists():
        return []
    data, counts = read_json(study / DATA), count_clusters(study)
    digests = data.get("digests") or recorded_digests(study)
    found = []
    for row in data["sets"]:
        names = ("name", "role", "source", "images", "labelled", "classes")
        clusters, groups = counts.get(row["name"], (None, None))
        found.append(
            SetFacts(
                **{name: row[name] for name in names},
                unusable=row["bad_count"],
                twice=row["duplicates_inside"],
                near_copies=row.get("near_copies_inside"),
                in_train=row["twins_in_train"],
                clusters=clusters,
                groups=groups,
                digest=digests.get(row["name"]),
            )
        )
    return found


def recorded_digests(study: Path) -> dict[str, str]:
    """The digests of the sets as the first table of a run holds them."""
    for place in sorted(study.glob(f"runs/*/{TABLE}")):
        return stored_digests(read_arrow(place, columns=["run"]))
    return {}


def count_clusters(study: Path) -> dict[str, tuple[int, int]]:
    """The number of clusters and of named groups of each set that is judged on."""
    if not (study / TABLE).exists():
        return {}
    table = read_arrow(study / TABLE)
    names = [name for name in ("dataset", "cluster", "group") if name in table.column_names]
    rows = table.select(names).to_pandas()
    parts = rows.groupby("dataset")
    groups = parts["group"].nunique().to_dict() if "group" in names else {}
    return {str(name): (int(n), int(groups.get(name, 0))) for name, n in parts["cluster"].nunique().items()}


def list_runs(study: Path) -> list[RunFacts]:
    """The runs whose plan can be read, by model and seed."""
    found = []
    for folder, record in read_records(study).items():
        place, recipe = study / "runs" / folder / "summary.json", record.get("recipe", {})
        status = read_json(place).get("status", "done") if place.exists() else "interrupted"
        names = ("method", "seed", "images", "data", "epochs", "batch_size", "accumulate", "device", "precision")
        facts: dict[str, Any] = {"id": record["id"], "model": record["model"]}
        facts |= {name: record.get(name) for name in names}
        rate = recipe.get("rate") if recipe.get("trains") else None
        found.append(RunFacts(**facts, status=status, rate=rate, versions=made_with(record)))
    return sorted(found, key=lambda run: (run.model, run.seed or 0, run.id))


def list_choices(
    stored: Mapping[str, Any],
    question: Mapping[str, Any],
    asked: Mapping[str, Any] | None,
    runs: Sequence[RunFacts],
) -> list[Choice]:
    """What was chosen in a study, and by whom or by which data; values that are in no record are None."""
    facts, leaders = stored.get("metric") or {}, (stored.get("judgement") or {}).get("leaders", [])
    probes = [probe for probe in question["probes"] if probe in TUNED]
    priced, boxes = prices_of(stored, question), question.get("task") == FIND_BOXES
    why = facts.get("reason", "default")
    why = "boxes" if boxes and why == "default" else why
    found = [
        Choice("choice_metric", facts.get("name"), f"by_metric_{why}"),
        Choice("choice_margin", f"{question['margin']:g}", "by_question"),
        *([Choice("choice_prices", price_text(priced), "by_question")] if priced else []),
        Choice("choice_probe", question["probes"][0], "by_question"),
        *(Choice(f"choice_{probe}", NOT_RECORDED, f"by_{probe}") for probe in probes),
        *([] if boxes else [Choice("choice_threshold", NOT_RECORDED, "by_threshold")]),
        *([Choice("choice_detector", str(asked["tune_steps"][0]), "by_question")] if boxes and asked else []),
        Choice("choice_leader", ", ".join(leaders) or None, "by_leader"),
    ]
    if asked and asked["test"] is None:
        found.append(Choice("choice_hold_out", str(asked["hold_out_seed"]), "by_seed"))
    if asked and (parts := [*asked["budgets"], *(f"{count} x" for count in asked["shots"])]):
        found.append(Choice("choice_budgets", f"{', '.join(parts)}; 0 .. {asked['draws'] - 1}", "by_seed"))
    if asked and asked["pools"]:
        found.append(Choice("choice_images", ", ".join(asked["pools"]), "by_seed"))
    trained = [run for run in runs if run.rate is not None]
    columns = {"choice_rates": ("rate", "by_recipe"), "choice_epochs": ("epochs", "by_epochs")}
    columns |= {"choice_batch": ("batch_size", "by_batch")}
    for name, (column, by) in columns.items() if trained else ():
        values = dict.fromkeys(f"{run.model} {getattr(run, column)}" for run in trained)
        found.append(Choice(name, ", ".join(values), by))
    return found


def list_tunings(study: Path) -> list[Choice]:
    """What was chosen for the fine-tunings of a study, by protocol: the records lie in tuned/ of each run."""
    known: dict[str, list[dict[str, Any]]] = {}
    for place in sorted(study.glob("runs/*/tuned/*/chosen.json")):
        record = read_sealed_json(place, REJUDGE)
        known.setdefault(split_protocol(record["protocol"]).probe, []).append(record)
    found = []
    for probe, records in known.items():
        rates, steps = (
            [f"{one:.3g}" for one in sorted({record[key] for record in records})] for key in ("rate", "steps")
        )
        held = sum(record["validation_images"] > 0 for record in records)
        said = f"{probe}: rates {', '.join(rates)}; steps {', '.join(steps)}; {held} of {len(records)}"
        found.append(Choice("choice_tuning", said, "by_tuning"))
    return found


def list_additions(asked: Asked) -> list[Addition]:
    """What was asked later, in order."""
    return [Addition(extension_options(one), one.verdict is not None) for one in asked.extensions]


def list_files(study: Path) -> Iterator[FileFacts]:
    """The records and tables of a study with their SHA-256; weights and pictures are left out."""
    for place in sorted({path for pattern in HASHED for path in study.glob(pattern)}):
        if place.is_file() and place.name not in OWN:
            with place.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            yield FileFacts(str(place.relative_to(study)), place.stat().st_size, digest)


def list_commands(study: Path, asked: Asked, whole: Mapping[str, Any] | None, stored: Mapping[str, Any]) -> list[str]:
    """The command lines that repeat a study, judge it again from its tables, and audit it.

    `whole`: the question of a pilot with its extensions. What `kogen evaluate` was asked is not all recorded.
    """
    name = study.resolve().name
    report = {"lang": stored.get("lang"), "metric": None, "prices": prices_of(stored, {"prices": None}) or None}
    if (facts := stored.get("metric") or {}).get("reason") == "asked":
        report["metric"] = facts["name"] + query_of(facts.get("parameters", {}))
    repeat = [command_line("report", (name,), ReportOptions, report), command_line("audit", (name,), AuditOptions, {})]
    if whole is None:
        return [*evaluate_command(study, asked.first), *repeat]
    repeat = [*object_remark(whole), *repeat]
    if not asked.extensions:
        return [command_line("pilot", (f"{name}/{FIRST}",), PilotOptions, {"out": AGAIN}), *repeat]
    options = {key: value for key, value in whole.items() if key != "source"}
    return [command_line("pilot", (whole["source"],), PilotOptions, options | {"out": AGAIN}), *repeat]


def object_remark(whole: Mapping[str, Any]) -> list[str]:
    """A line that does nothing in a shell and says which images the command line lacks, where some were objects."""
    sources = [whole.get("source"), whole.get("labels"), whole.get("test"), *(whole.get("shifts") or {}).values()]
    sources += (whole.get("transfers") or {}).values()
    objects = [source for source in sources if isinstance(source, str) and source.startswith(PREFIX)]
    said = f"# kogen pilot wants these again, from Python: kogen.pilot(...) with {', '.join(objects)}"
    return [said] if objects else []


def price_text(prices: Mapping[str, Any]) -> str:
    """Prices as they are typed."""
    return ", ".join(f"{name}={one}" for name, one in prices.items()) or "-"


def query_of(parameters: Mapping[str, Any]) -> str:
    """Parameters of a metric as they are typed behind its name."""
    texts = {key: ",".join(map(str, one)) if isinstance(one, list) else one for key, one in parameters.items()}
    return "?" + "&".join(f"{key}={one}" for key, one in sorted(texts.items())) if texts else ""


def evaluate_command(study: Path, first: Mapping[str, Any]) -> list[str]:
    """The command that judged runs, from study.toml and data.json; without the options that neither records."""
    if "runs" not in first or not (study / DATA).exists():
        return []
    sources = {row["name"]: row["source"] for row in read_json(study / DATA)["sets"]}
    options = {key: value for key, value in first.items() if key != "runs"}
    options |= {"train": sources.pop("train", None), "tests": sources, "out": AGAIN}
    return [command_line("evaluate", tuple(first["runs"]), EvaluateOptions, options)]
