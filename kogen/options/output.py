"""What the command line tells of a verb's result, given with the folder or file that was written."""

import json
from pathlib import Path
from typing import Any

import typer

from kogen.common.speech.console import say
from kogen.common.speech.verb_answers import (
    AuditJudged,
    Compared,
    CostAnswered,
    FileWritten,
    Judged,
    LandscapeDrawn,
    PoolJudged,
    PriorTold,
    RunsWorked,
    Trained,
)

DIFFERS = 1  # exit code of an audit that does not confirm a study


def show_verdict(verdict: dict[str, Any], written: Path) -> None:
    """Tell the verdict in words and the path of the page; nothing where another process tells them."""
    if verdict:
        page = str((written / "report.html").resolve())
        say(Judged(page, verdict.get("words", []), {"judgement": verdict.get("judgement")}))


def show_cost(cost: Any, written: Path) -> None:
    """Tell the seconds per step of each method, and the cost of the whole study."""
    say(CostAnswered(**vars(cost), words=str(cost)))


def show_training(summary: dict[str, Any], written: Path) -> None:
    """Tell the path of the weights, and what they took."""
    say(Trained(str(written / "weights.safetensors"), summary["minutes"], summary["images_seen"]))


def show_runs(found: dict[str, Any], written: Path) -> None:
    """Tell which runs were worked on, and how many are left."""
    say(RunsWorked(found["runs"], found["left"]))


def show_landscape(found: dict[str, Any], written: Path) -> None:
    """Tell the path of the page."""
    say(LandscapeDrawn(str((written / "landscape.html").resolve())))


def show_line(line: Any, written: Path) -> None:
    """Tell the file that was written: its path, or a line of Python that reads it."""
    say(FileWritten(str(line), str(written)))


def show_audit(found: dict[str, Any], written: Path) -> None:
    """Tell what the audit says and the path of its page; the program ends with 1 where anything differs."""
    say(AuditJudged(str((written / "audit.html").resolve()), found["words"], {"passed": found["passed"]}))
    if not found["passed"]:
        raise typer.Exit(DIFFERS)


def show_share(found: dict[str, Any], written: Path) -> None:
    """Tell the bundle that was written, and what is in it."""
    say(FileWritten("\n".join([*found["words"], "", found["path"]]), found["path"]))


def show_pool(found: dict[str, Any], written: Path) -> None:
    """Tell what a pool says and the path of its page."""
    facts = {name: value for name, value in found.items() if name != "words"}
    say(PoolJudged(str((written / "report.html").resolve()), found["words"], facts))


def show_prior(found: dict[str, Any], written: Path) -> None:
    """Tell what a new team is told, and the file that says it."""
    say(PriorTold(found["words"], found["path"], {name: found[name] for name in ("ranking", "images", "labels")}))


def show_comparison(found: dict[str, Any], written: Path | None) -> None:
    """Tell the verdict in a sentence and the folder; without a folder all of it as JSON."""
    whole = json.dumps(found, indent=2, ensure_ascii=False)
    say(Compared(f"{found['sentence']}\n{written}" if written else whole, found))
