"""The interface of a tracker: it begins or goes on with one run, takes values and files, and ends it."""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

PROJECT = "kogen"  # what runs are kept under, where the tracker's own settings name nothing else
Status = Literal["done", "failed", "stopped"]  # stopped: it goes on with the same command


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run, or of a study, when it begins."""

    id: str  # the same each time it goes on, and no other's
    name: str  # as people know it
    group: str  # of the runs of one study; "" for a run of none
    config: Mapping[str, Any]  # its plan: plain values, also nested
    folder: Path  # for the files of a tracker that keeps them on this machine


class Tracker(ABC):
    """One run in a tracker. Any method may raise: `session.Tracking` catches it, and the training goes on.

    It must not print, ask, read what is typed, or send anything but what it is given.
    """

    package: ClassVar[str]  # that it needs; the extra of kogen has the same name

    @classmethod
    def check(cls) -> None:
        """ValueError, before anything is trained, where the tracker cannot work."""
        found = importlib.util.find_spec(cls.package)
        if found is None or found.origin is None:  # a folder of this name is no package
            raise ValueError(
                f"--tracker {cls.package} wants the package {cls.package}, which is not installed: "
                f"pip install 'kogen[{cls.package}]'"
            )

    @classmethod
    def load_package(cls) -> Any:
        """The package, loaded where it is first wanted; its types are not known, as it need not be installed."""
        return importlib.import_module(cls.package)

    @abstractmethod
    def __init__(self, run: TrackedRun) -> None:
        """Begin the run, or go on with the one of the same id."""

    @abstractmethod
    def log_values(self, step: int, values: Mapping[str, float]) -> None:
        """Take finite numbers by name at a step, which is never smaller than the one before."""

    @abstractmethod
    def log_artefact(self, file: Path) -> None:
        """Take a file: a picture, a page, a table."""

    @abstractmethod
    def end(self, status: Status) -> None:
        """End the run; all that was taken is kept when this returns."""
