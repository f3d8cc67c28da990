"""What is known of recordings: label, split, cluster and group, from folders, a table of labels, or their own files."""

import os
from dataclasses import dataclass

import numpy as np

from kogen.data.datasets.folder import label_by_table
from kogen.data.datasets.table import read_rows
from kogen.data.layout import count_words, read_layout
from kogen.data.series.recording import Refused
from kogen.data.series.recording_files import TS_PART, SeriesFiles, ending_of
from kogen.data.series.tape import Tape


@dataclass(frozen=True)
class RecordingLabels:
    """What is known of each piece (P,) and each recording (R,), "" where it is not; None where it is of none."""

    labels: np.ndarray  # (P,) object
    splits: np.ndarray | None  # (R,) object
    clusters: np.ndarray  # (R,) object, the recording's own name where nothing names another
    groups: np.ndarray | None  # (R,) object
    notes: list[str]


def find_labels(
    path: str, files: SeriesFiles, tape: Tape, labels: str | None, columns: str | None, encoding: str | None
) -> RecordingLabels:
    """What folders, the table `labels` and the files themselves say of recordings.

    Refused where two of them say it, and for a table of labels beside one file.
    """
    recordings, pieces = tape.recordings, tape.pieces
    own = {role: np.array(recordings[role], object) for role in ("split", "cluster", "group")}
    has_labels = bool((pieces["label"] != "").any())
    if labels is not None and (files.alone or has_labels):
        what = "one file, whose rows are labelled in itself" if files.alone else "files that have labels themselves"
        raise Refused(f"labels = {labels!r}, and {path} is {what}: leave labels= out, or the labels in the files")
    said = own
    text, notes = pieces["label"], []
    if not files.alone:
        by_file, notes = _labels_of_files(path, files, labels, columns, encoding, has_labels)
        file = np.array(recordings["file"], np.int64)
        for role in ("split", "cluster", "group"):
            told = by_file[role]
            if told is not None and (own[role] != "").any():
                where = f"the table {labels}" if labels is not None else "their folders"
                raise Refused(f"{path}: {role}s are in the files, and {where} name some too: keep one of them")
            said[role] = own[role] if told is None else told[file]
        if not has_labels and by_file["label"] is not None:
            text = by_file["label"][file][pieces["recording"]]
    names = np.array(recordings["name"], object)
    return RecordingLabels(
        text,
        said["split"] if (said["split"] != "").any() else None,
        np.where(said["cluster"] == "", names, said["cluster"]),
        said["group"] if (said["group"] != "").any() else None,
        notes,
    )


def _labels_of_files(
    path: str, files: SeriesFiles, labels: str | None, columns: str | None, encoding: str | None, has_labels: bool
) -> tuple[dict[str, np.ndarray | None], list[str]]:
    """Role to text (F,) of the files, None where nothing says any; and sentences on how it was found."""
    if (parts := _archive_parts(path, files)) is not None:
        notes = [f"files are taken as splits by their names: {count_words(parts)}"]
        return {"label": None, "split": np.array(parts, object), "cluster": None, "group": None}, notes
    layout = read_layout(path, files.names, 0, classes=labels is None and not has_labels, what="recordings")
    clusters = groups = None
    if labels is not None:
        layout, clusters, groups = label_by_table(
            path, files.files, layout, read_rows(labels, columns, encoding), labels, "recordings"
        )
    found = {"label": layout.labels, "split": layout.splits, "cluster": clusters, "group": groups}
    if layout.names != files.names:
        raise AssertionError("a layout of recordings leaves none out")
    told = {role: None if column is None else np.array(column, object) for role, column in found.items()}
    return {role: column if column is not None and (column != "").any() else None for role, column in told.items()}, (
        layout.notes
    )


def _archive_parts(path: str, files: SeriesFiles) -> list[str] | None:
    """The split of each file of a set of UCR or UEA, NAME_TRAIN.ts and NAME_TEST.ts; None for other folders.

    Refused where the folder holds several sets.
    """
    marks = [TS_PART.fullmatch(os.path.basename(name)) for name in files.names if ending_of(name) == "ts"]
    if not marks or None in marks or len(marks) < len(files.names):
        return None
    sets = sorted({mark["set"] for mark in marks if mark})
    if len(sets) > 1:
        raise Refused(f"{path} holds the sets {sets[0]} and {sets[1]}: give the folder of one")
    return [mark["part"].lower() for mark in marks if mark]
