"""The audit of a study, put together: is its judgement the same, do its records agree, what does it rest on."""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kogen.common.files import read_json
from kogen.common.text import parse_spec
from kogen.common.version import VERSION
from kogen.reporting.audit.comparison import ABSOLUTE, RELATIVE, Comparison, Difference
from kogen.reporting.audit.cross_checks import check_answers, check_files, check_question, check_runs, check_seen
from kogen.reporting.audit.inventory import (
    Addition,
    Choice,
    FileFacts,
    RunFacts,
    SetFacts,
    list_additions,
    list_choices,
    list_commands,
    list_files,
    list_runs,
    list_sets,
    list_tunings,
    price_text,
)
from kogen.reporting.audit.recompute import compare_judgement, prices_of
from kogen.reporting.audit.remarks import Remark, at_place, error_as_remark, remark, without_folder
from kogen.results.answers.transfer_leads import transfer_folders
from kogen.results.asked import VERDICT, Asked, read_asked

FORMAT = 1  # of audit.json
# What is no fault of a study: a file of an older version that records less, another metric that was asked for.
NOTES = ("audit_unsealed", "audit_no_digests", "audit_unseen", "audit_metric", "audit_prices", "audit_near")
NOTES += ("audit_versions",)
ReadQuestion = Callable[[Path], tuple[dict[str, Any], dict[str, Any] | None]]
"""From the folder of a study to what its report asks, and to the whole question of a pilot."""


@dataclass(frozen=True)
class Audit:
    """What audit.json holds, see docs/audit.md."""

    format: int
    kogen: str  # the version that made the audit
    python: str
    study: str
    lang: str  # of the study
    passed: bool  # same, and no problems
    same: bool  # the judgement was made again, and no field differs
    fields: int  # that were compared
    near: int  # numbers that are equal to 1e-9 and not to the last bit
    largest: float  # difference of these
    relative: float
    absolute: float
    differing: int
    differences: list[Difference]
    problems: list[Remark]
    notes: list[Remark]
    question: dict[str, Any]  # study.toml, as it was asked first
    question_sha256: str | None
    additions: list[Addition]
    sets: list[SetFacts]
    note: str  # how the sets were made
    runs: list[RunFacts]
    choices: list[Choice]
    files: list[FileFacts]
    commands: list[str]


def make_audit(study: Path, read_question: ReadQuestion) -> Audit:
    """The audit of a study. Whatever is missing or damaged becomes a problem; nothing is written."""
    found: list[Remark] = []
    asked, question, whole, stored = Asked(), None, None, {}
    with error_as_remark(found):
        asked = read_asked(study)
        question, whole = read_question(study)
    found += check_folder(
        study, (check_files, check_question, partial(check_runs, asked=whole), check_answers, check_seen)
    )
    for place in transfer_folders(study).values():
        seen = partial(check_seen, trained_in=study)
        mine = check_folder(place, (check_files, partial(check_runs, asked=None), check_answers, seen))
        found += at_place(mine, place, study)
    compared = Comparison()
    if question:
        with error_as_remark(found):
            compared, more = compare_judgement(study, question)
            found += more
    else:
        found.append(remark("audit_no_question"))
    with error_as_remark([]):  # `compare_judgement` says it
        stored = read_json(study / VERDICT)
        found += [*metric_note(stored, question or {}), *price_note(stored, question or {})]
    if compared.near:
        found.append(remark("audit_near", n=compared.near, largest=compared.largest))
    lists: dict[str, list[Any]] = {name: [] for name in ("sets", "runs", "files", "choices", "commands")}
    with error_as_remark(found):
        lists["runs"] = list_runs(study)
        lists["files"] = list(list_files(study))
        lists["commands"] = list_commands(study, asked, whole, stored)
        lists["choices"] = list_choices(stored, question, whole, lists["runs"]) if question else []
        lists["sets"] = list_sets(study)
        lists["choices"] += list_tunings(study)
    found += version_note(lists["runs"])
    once = list(
        {one.text("en"): one for one in without_folder(found, study)}.values()
    )  # two checks may meet the same damaged file
    problems = [one for one in once if one.key not in NOTES]
    same = bool(compared.fields) and not compared.differing
    return Audit(
        format=FORMAT,
        kogen=VERSION,
        python=platform.python_version(),
        study=study.resolve().name,
        lang=(question or {}).get("lang", "en"),
        passed=same and not problems,
        same=same,
        fields=compared.fields,
        near=compared.near,
        largest=compared.largest,
        relative=RELATIVE,
        absolute=ABSOLUTE,
        differing=compared.differing,
        differences=compared.differences,
        problems=problems,
        notes=[one for one in once if one.key in NOTES],
        question=asked.first,
        question_sha256=asked.sha256,
        additions=list_additions(asked),
        note=note_of(study),
        **lists,
    )


def check_folder(folder: Path, checks: Sequence[Callable[[Path], Iterable[Remark]]]) -> list[Remark]:
    """What the checks find in a folder; an error in one does not keep the next from looking."""
    found: list[Remark] = []
    for check in checks:
        with error_as_remark(found):
            for one in check(folder):
                found.append(one)
    return found


def metric_note(stored: Mapping[str, Any], question: Mapping[str, Any]) -> list[Remark]:
    """A note where a verdict was asked by another metric than the study, with `kogen report --metric`."""
    facts = stored.get("metric") or {}
    if facts.get("reason") != "asked":
        return []
    name, given = parse_spec(question.get("metric") or "")
    known = facts.get("parameters") or {}
    if name == facts["name"] and all(known.get(key) == value for key, value in given.items()):
        return []
    return [remark("audit_metric", metric=facts["name"])]


def price_note(stored: Mapping[str, Any], question: Mapping[str, Any]) -> list[Remark]:
    """A note where a verdict was asked by other prices than the study, with `kogen report --prices`."""
    known, asked = prices_of(stored, {"prices": {}}), question.get("prices", {})
    return [] if known == asked else [remark("audit_prices", prices=price_text(known))]


def version_note(runs: list[RunFacts]) -> list[Remark]:
    """A note where runs were made by other versions of kogen than the one that audits."""
    odd = sorted({run.versions.get("kogen", "?") for run in runs} - {VERSION})
    return [remark("audit_versions", versions=", ".join(odd), version=VERSION)] if odd else []


def note_of(study: Path) -> str:
    """What data.json says of how the sets were made."""
    with error_as_remark([]):
        return read_json(study / "data.json")["note"]
    return ""
