"""What a study tells of itself before it trains: what was opened, parts of a batch, facts of candidates."""

from collections.abc import Sequence
from typing import Any

from kogen.common.speech.console import say
from kogen.common.speech.events import SetRead
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.study.study_start import print_starts


def print_plans(study: Study, plans: Sequence[Plan]) -> None:
    """Print what the plans of a study say that its question does not: parts of a batch, facts of candidates."""
    for plan in {plan.method: plan for plan in plans if study.batch_size == "auto"}.values():
        print_parts(plan)
    print_starts(plans)
    for plan in [plan for plan in plans if plan.name]:
        facts = f"{plan.framework}, {plan.backbone}, {plan.image_size} px, mean {plan.mean}, std {plan.std}"
        say(facts + (f"; {plan.remarks}" if plan.remarks else ""), title=plan.name)


def print_parts(plan: Plan) -> None:
    """Print into how many parts a batch is cut, where they are more than one."""
    if plan.accumulate > 1:
        part = plan.batch_size // plan.accumulate
        cut = f"a batch of {plan.batch_size} in {plan.accumulate} parts of {part}, as many as fit into memory"
        say(f"{cut}; batch norm and negatives see {part} at a time", title=plan.method)


def print_data(quality: dict[str, Any]) -> None:
    """Print what was opened, what was skipped and how many test images have a twin in train."""
    for row in quality["sets"]:
        counts = {"near_copies": row["near_copies_inside"], "twins_in_train": row["twins_in_train"]}
        say(SetRead(row["name"], row["images"], row["labelled"], row["bad_count"], **counts))
        print_notes(row["name"], row["notes"])
    if quality["note"]:
        say(quality["note"])


def print_notes(name: str, notes: Sequence[str]) -> None:
    """Print what a reader must know of how a set was read, a line each."""
    for note in notes:
        say(note, title=name)
