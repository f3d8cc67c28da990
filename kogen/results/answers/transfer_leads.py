"""Transfer leads: whether the lead on a study's reference is there too on sets with classes of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_json, write_json
from kogen.common.metric_facts import MetricFacts
from kogen.results.asked import read_asked
from kogen.results.findings import Comparisons, Finding
from kogen.results.gather import TABLE, count_unjudged
from kogen.results.judgement import Judgement

TRANSFER = "transfer"  # folder of the transfer sets in a study, one folder each
LEADS = "transfer.json"  # of a study
AHEAD = ("better", "small")  # verdicts on a pair whose first model is ahead, by however little


class Fate(StrEnum):
    """What becomes of a lead elsewhere."""

    KEPT = "kept"  # the leader is ahead there too, by the interval
    LOST = "lost"  # the other one is ahead there
    OPEN = "open"  # the data cannot tell, or the two are equal
    ABSENT = "absent"  # one of the two was not judged there


@dataclass(frozen=True)
class TransferLead:
    """The best two models of the reference on a transfer set, in the unit of its metric."""

    dataset: str
    metric: MetricFacts
    fate: Fate
    lead: Finding | None  # None where the study has one model
    leaders: list[str]  # the best there
    value: float | None  # of the leader of the reference
    images: int  # judged
    classes: int
    kept: int  # of the pairs that the reference decides, those that are decided alike
    lost: int  # decided the other way
    open: int
    shared: dict[str, int] = field(default_factory=dict)  # by another set of the study: images that are there, too
    total: int = 0  # images, those that are learnt from and those that are judged
    unjudged: int = 0  # runs of the study that have no answers there yet


@dataclass(frozen=True)
class TransferLeads:
    """The same on every transfer set; `decided`: pairs that the reference decides."""

    reference: str
    leader: str
    other: str | None  # the next one; None where there is no second model
    is_lead: bool  # the reference decides between the two
    decided: int
    sets: list[TransferLead] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)  # sets that were asked for, and no run is judged on yet


def transfer_folder(study: Path, name: str) -> Path:
    """The folder of a transfer set of a study."""
    return study / TRANSFER / name


def transfer_folders(study: Path) -> dict[str, Path]:
    """The folders of the transfer sets on which runs of a study were judged, by name, sorted."""
    return {place.parents[2].name: place.parents[2] for place in sorted((study / TRANSFER).glob(f"*/runs/*/{TABLE}"))}


def judge_transfers(study: Path, found: Judgement, pairs: Sequence[Mapping[str, Any]]) -> TransferLeads | None:
    """What becomes of the reference's leads on the transfer sets, each judged by then. `pairs`: of the study.

    None where there is no such set.
    """
    places, leader, lead = transfer_folders(study), found.leader, found.lead
    absent = [name for name in read_asked(study).question.get("transfers", {}) if name not in places]
    if not places and not absent:
        return None
    other = None if lead is None else lead.second if lead.first == leader else lead.first
    ahead = [row for row in pairs if row["dataset"] == found.reference and row["verdict"] in AHEAD]
    leads = [(row["first"], row["second"]) for row in ahead]
    sets = [judge_set(name, place, leader, other, leads) for name, place in places.items()]
    return TransferLeads(found.reference, leader, other, lead is not None and lead.is_ahead, len(leads), sets, absent)


def judge_set(name: str, place: Path, leader: str, other: str | None, leads: list[tuple[str, str]]) -> TransferLead:
    """The leads of the reference on one transfer set, from what was judged in its folder."""
    content, data = read_json(place / "verdict.json"), read_json(place / "data.json")
    metric = from_plain(MetricFacts, content["metric"], f"the verdict on {name}")
    tables = {one: pd.DataFrame(content[one]) for one in ("values", "pairs", "needed")}
    compared, dataset = Comparisons(tables, span=metric.high - metric.low), content["reference"]
    fates = [fate_of(compared.compare(first, second, dataset), first) for first, second in leads]
    lead = None if other is None else compared.compare(leader, other, dataset)
    values = tables["values"]
    return TransferLead(
        name,
        metric,
        fate_of(lead, leader),
        lead,
        compared.leaders(dataset),
        compared.points(leader, dataset),
        int(values.loc[values["dataset"] == dataset, "n"].max()),
        next(len(row["classes"]) for row in data["sets"] if row["name"] == "train"),
        fates.count(Fate.KEPT),
        fates.count(Fate.LOST),
        len(fates) - fates.count(Fate.KEPT) - fates.count(Fate.LOST),
        data.get("shared", {}),
        sum(row["images"] for row in data["sets"]),
        count_unjudged(place),
    )


def fate_of(found: Finding | None, model: str) -> Fate:
    """What a comparison says of the lead of a model."""
    if found is None or found.difference is None:
        return Fate.ABSENT
    if not found.is_ahead:
        return Fate.OPEN
    return Fate.KEPT if found.first == model else Fate.LOST


def write_leads(study: Path, found: TransferLeads | None) -> None:
    """Write STUDY/transfer.json, or take away that of an earlier report."""
    if found is None:
        (study / LEADS).unlink(missing_ok=True)
    else:
        write_json(study / LEADS, to_plain(found))


def read_leads(study: Path) -> TransferLeads | None:
    """What becomes of a study's leads on its transfer sets; None where it has none."""
    place = study / LEADS
    return from_plain(TransferLeads, read_json(place), str(place)) if place.exists() else None
