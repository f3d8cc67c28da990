"""What a tracker is told of a study at its end: the numbers of the verdict, the page and the picture of views."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.common.files import json_digest
from kogen.config.study import BESIDE, Study
from kogen.options.study import PLACES
from kogen.tracking.session import STUDY, TrackTo, track

FILES = ("report.html", "views.png", "verdict.json")


def track_verdict(verdict: Mapping[str, Any], study: Study, folder: Path) -> None:
    """Give the trackers of a study its verdict; one that they have is not sent again."""
    if study.trackers:
        left_out = {*BESIDE, *(PLACES if study.private else ())}
        config = study.model_dump(mode="json", exclude=left_out, exclude_none=True)
        to = TrackTo(study.trackers, folder, is_study=True)
        with track(to, STUDY, f"{folder.resolve().name} verdict", config, content=json_digest(verdict)) as session:
            session.log_values(None, verdict_values(verdict))
            session.log_artefacts([folder / name for name in FILES])


def verdict_values(verdict: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of a verdict: each model's value on each set, and by how much the leader is ahead, with intervals."""
    found: dict[str, float | None] = {}
    for row in verdict["values"]:
        found |= {f"{row['dataset']}/{row['model']}/{name}": row[name] for name in ("value", "lo", "hi")}
    lead = verdict["judgement"]["lead"] or {}
    return found | {f"lead/{name}": lead.get(name) for name in ("difference", "lo", "hi")}
