"""Questions about a table that only its owner can answer, asked all at once with the command that answers them."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kogen.options.lottery import LotteryOptions, TableOptions
from kogen.options.model import flag_of


def flag(name: str) -> str:
    """An option as messages write it: on the command line, and in Python."""
    return f"{flag_of(LotteryOptions, name)} ({name}=)"


@dataclass
class Questions:
    """What has to be asked of a table, each with the answer that is tried; all are one error in the end."""

    table: Any
    options: TableOptions
    sentences: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def ask(self, sentence: str, **answer: Any) -> None:
        """Note a question and the answer that reading goes on with, so that the next question is found too."""
        self.sentences.append(sentence)
        for name, value in answer.items():
            known = self.answers.get(name)
            self.answers[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value

    def check(self) -> None:
        """ValueError with all questions and the command that answers them; nothing where there are none."""
        if self.sentences:
            said = "; ".join(self.sentences)
            raise ValueError(f"{said}.\nIf the guesses are right, this answers all:\n  {self.command()}")

    def command(self) -> str:
        """The command (or the call, for a table that is a frame) with what was asked for and the answers."""
        asked_for = self.options.model_dump(exclude_unset=True)
        given = {name: asked_for[name] for name in sorted(asked_for)}
        lower = given.get("higher_is_better")
        if isinstance(lower, dict) and isinstance(more := self.answers.get("higher_is_better"), dict):
            self.answers["higher_is_better"] = {**lower, **more}
        asked = {**given, **self.answers}
        paths = table_paths(self.table)
        if paths is None:
            return f"kogen.lottery(table, {', '.join(f'{name}={value!r}' for name, value in asked.items())})"
        words = ["kogen", "lottery", *map(str, paths)]
        for name, value in asked.items():
            words += option_words(name, value)
        return " ".join(map(shlex.quote, words))


def table_paths(table: Any) -> list[Path] | None:
    """The files that a table is read from; None for a frame."""
    if isinstance(table, (str, os.PathLike)):
        return [Path(table)]
    if isinstance(table, Sequence):
        return [Path(path) for path in table]
    return None


def option_words(name: str, value: Any) -> list[str]:
    """An option and its value as words of the command line; none where it has its default."""
    if name not in LotteryOptions.model_fields or value is None or (value is True and name == "higher_is_better"):
        return []
    flag_, form = flag_of(LotteryOptions, name), LotteryOptions.model_fields[name].json_schema_extra["form"]  # type: ignore[index,call-overload]
    if isinstance(value, bool):
        return [flag_] if value else [f"--no-{flag_[2:]}"]
    if isinstance(value, Mapping):
        if form == "lower":
            return [word for key, more in value.items() if not more for word in (flag_, str(key))]
        return [word for key, each in value.items() for word in (flag_, f"{key}={each}")]
    if form == "groups":
        return [word for group in value for word in (flag_, ",".join(group))]
    if isinstance(value, (tuple, list)):
        return [flag_, ",".join(map(str, value))]
    return [flag_, str(value)]
