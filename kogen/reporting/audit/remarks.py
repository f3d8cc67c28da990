"""Remarks of an audit: sentences that are data, with every value as it is, not rounded."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kogen.reporting.words import clean, load_templates

LONGEST_VALUE = 400  # letters of a value that are shown


@dataclass(frozen=True)
class Remark:
    """A sentence: its key in words.toml and the values that are filled in."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    place: str = ""  # the folder of a transfer set, below that of the study

    def text(self, lang: str) -> str:
        """The sentence in a language."""
        shown = {name: value_text(value) for name, value in self.values.items()}
        said = load_templates(lang)[self.key].format(**shown)
        return f"{clean(self.place)}: {said}" if self.place else said


def value_text(value: Any) -> str:
    """A value as it is: numbers with all their digits, texts on one line."""
    return clean(value if isinstance(value, str) else repr(value), LONGEST_VALUE)


def remark(key: str, /, **values: Any) -> Remark:
    """A remark with these values."""
    return Remark(key, values)


def without_folder(remarks: Iterable[Remark], folder: Path) -> list[Remark]:
    """The remarks with the files that errors name given below a folder, whose own place is left out."""
    return [
        replace(one, values={"what": one.values["what"].replace(f"{folder}/", "")}) if one.key == "audit_error" else one
        for one in remarks
    ]


def at_place(remarks: Iterable[Remark], folder: Path, study: Path) -> list[Remark]:
    """Remarks on what lies in a folder of a study, which name that folder; those on the study itself as they are."""
    found = without_folder(remarks, folder)
    return found if folder == study else [replace(one, place=str(folder.relative_to(study))) for one in found]


@contextmanager
def error_as_remark(found: list[Remark]) -> Iterator[None]:
    """An error inside becomes a remark, and the audit goes on behind it: what an edited file lacks raises any kind."""
    try:
        yield
    except (ValueError, OSError) as error:
        found.append(remark("audit_error", what=str(error)))
    except Exception as error:
        found.append(remark("audit_broken", what=f"{type(error).__name__}: {error}"))
