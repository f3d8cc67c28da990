"""What the command line prints of a verb's result, given with the folder or file that was written."""

import json
from pathlib import Path
from typing import Any

import typer

from kogen.common.console import write_line

DIFFERS = 1  # exit code of an audit that does not confirm a study


def show_verdict(verdict: dict[str, Any], written: Path) -> None:
    """Print the verdict in words and the path of the page; nothing where another process prints them."""
    for sentence in verdict.get("words", []):
        write_line(sentence)
    if verdict:
        write_line(f"\n{(written / 'report.html').resolve()}")


def show_cost(cost: Any, written: Path) -> None:
    """Print the seconds per step of each method, and the cost of the whole study."""
    for method, seconds in cost.seconds_per_step.items():
        write_line(f"{method}: {seconds:.3f} s per step")
    write_line(f"the whole study: {cost}")


def show_training(summary: dict[str, Any], written: Path) -> None:
    """Print the alarms of a run and the path of its weights."""
    for alarm in summary["alarms"]:
        write_line(f"alarm: {alarm['text']} (epoch {alarm['epoch']})")
    write_line(f"{written / 'weights.safetensors'} after {summary['minutes']:.1f} min, {summary['images_seen']} images")


def show_landscape(found: dict[str, Any], written: Path) -> None:
    """Print the path of the page."""
    write_line((written / "landscape.html").resolve())


def show_line(line: Any, written: Path) -> None:
    """Print a path, or a line of Python."""
    write_line(line)


def show_audit(found: dict[str, Any], written: Path) -> None:
    """Print what the audit says and the path of its page; the program ends with 1 where anything differs."""
    for sentence in found["words"]:
        write_line(sentence)
    write_line(f"\n{(written / 'audit.html').resolve()}")
    if not found["passed"]:
        raise typer.Exit(DIFFERS)


def show_comparison(found: dict[str, Any], written: Path | None) -> None:
    """Print the verdict in a sentence and the folder; without a folder all of it as JSON."""
    write_line(f"{found['sentence']}\n{written}" if written else json.dumps(found, indent=2, ensure_ascii=False))
