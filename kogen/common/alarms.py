"""Alarms: what a person should look at before believing a run; training raises them, pages say them."""

from dataclasses import dataclass
from enum import StrEnum


class AlarmKind(StrEnum):
    """What is alarming; the value is what lies on disk."""

    RANK = "rank"  # RankMe of the features fell: they collapsed
    SPREAD = "spread"  # their standard deviation fell: they collapsed
    STUCK = "stuck"  # the loss stays where a collapse would put it
    BROKEN = "broken"  # the loss was no finite number, and the training broke off


@dataclass(frozen=True)
class Alarm:
    """One alarm of a run: its kind, the first epoch that raised it (None where there is none), and why in words."""

    kind: AlarmKind
    epoch: int | None
    text: str
