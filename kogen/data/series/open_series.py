"""Opening series: recordings found, taped and labelled, and cut into windows, as Images."""

import numpy as np

from kogen.data.cache_files import DamagedCache, read_record, write_record
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import BadFile, Images, sorted_class_names
from kogen.data.labels import clean_labels
from kogen.data.listing import hash_parts
from kogen.data.series.recording import CHANGE, GAP, Reading, Refused
from kogen.data.series.recording_files import find_recordings
from kogen.data.series.recording_labels import find_labels
from kogen.data.series.settings import count_samples, require_window
from kogen.data.series.tape import Tape, load_or_record
from kogen.data.series.windows import HOLE, Cuts, Windows, cut_windows, window_ids

LEFT_OUT = {
    GAP: "windows across a gap in time, left out",
    CHANGE: "windows across a change of the label, left out",
    HOLE: "windows with values that are missing or infinite, left out",
}


def open_recordings(
    path: str,
    reading: Reading,
    settings: CacheSettings,
    *,
    window: int | float | str | None = None,
    stride: int | float | str | None = None,
    labels: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
) -> Images:
    """The windows of the recordings at `path`, each recording a cluster; see docs/reading.md, Series.

    `columns` and `encoding` are those of the table `labels`. ValueError for what cannot be read or is not clear.
    """
    files = find_recordings(path, labels)
    tape = load_or_record(files, reading, settings)
    known = find_labels(path, files, tape, labels, columns, encoding)
    refuse_bad(tape.bad, len(tape.recordings["name"]) + len(tape.bad), settings)
    length, step = _window_and_stride(tape, window, stride, path)
    cuts = cut_windows(tape, length, step)
    bad = (*tape.bad, *_short_recordings(tape, cuts, length))
    refuse_bad(bad, len(tape.recordings["name"]) + len(tape.bad), settings)
    _refuse_windows(cuts, settings, path)
    text, said = clean_labels(known.labels, labels or path)
    ids = _known_ids(tape, cuts, length, step, settings)
    classes = sorted_class_names(text[cuts.piece])
    number = {"": -1, **{label: place for place, label in enumerate(classes)}}
    of_piece = np.array([number.get(label, -1) for label in text], np.int64)
    return Images(
        pixels=Windows(tape.values, cuts.starts, length, ids, str(tape.folder)),
        ids=ids,
        sources=_name_windows(tape, cuts, length, whole=window is None),
        labels=of_piece[cuts.piece],
        classes=classes,
        clusters=known.clusters[cuts.recording].astype(str),
        aspect=np.ones(len(ids), np.float32),
        bad=bad,
        splits=None if known.splits is None else known.splits[cuts.recording],
        notes=(*tape.record["notes"], *known.notes, *said, *_cut_notes(tape, cuts, length, step)),
        groups=None if known.groups is None else known.groups[cuts.recording],
        rate=float(tape.record["rate"]),
        channel_names=tape.channel_names,
    )


def refuse_bad(bad: tuple[BadFile, ...], count: int, settings: CacheSettings) -> None:
    """ValueError where more than `max_bad` of the recordings cannot be used, or none can."""
    if bad and (len(bad) > settings.max_bad * count or len(bad) == count):
        shown = "".join(f"\n  {one.source}: {one.reason}" for one in bad[:10])
        more = f"\n  ... and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise ValueError(
            f"{len(bad)} of {count} recordings cannot be used, at most {100 * settings.max_bad:.3g} % may be "
            f"(--max-bad):{shown}{more}\nrepair or remove them, or allow more with --max-bad"
        )


def _window_and_stride(
    tape: Tape, window: int | float | str | None, stride: int | float | str | None, path: str
) -> tuple[int, int]:
    """Samples of a window and from one to the next: without `window` whole recordings, without `stride` no overlap."""
    rate = tape.record["rate"]
    bounds = zip(tape.recordings["start"], tape.recordings["stop"], strict=True)
    if window is None:
        if stride is not None:
            raise ValueError(f"stride = {stride!r} without a window: give window=, in samples")
        length = require_window([stop - start for start, stop in bounds], path)
        return length, length
    length = count_samples("window", window, rate, 2)
    return length, length if stride is None else count_samples("stride", stride, rate, 1)


def _short_recordings(tape: Tape, cuts: Cuts, window: int) -> list[BadFile]:
    """The recordings that are shorter than a window."""
    names, start, stop = (tape.recordings[key] for key in ("name", "start", "stop"))
    return [
        BadFile(names[row], f"has {stop[row] - start[row]:,} samples, a window {window:,}")
        for row in cuts.short.tolist()
    ]


def _refuse_windows(cuts: Cuts, settings: CacheSettings, path: str) -> None:
    """Refused where too many windows have missing values, and where none is left."""
    holes, kept = cuts.left_out[HOLE], len(cuts.starts)
    if holes > settings.max_bad * (holes + kept):
        raise Refused(
            f"{holes:,} of {holes + kept:,} windows of {path} have values that are missing or infinite, at most "
            f"{100 * settings.max_bad:.3g} % may (--max-bad): fill them in, leave out the channel that has them "
            "(channels=), take shorter windows, or allow more with --max-bad"
        )
    if not kept:
        parts = [f"{what}: {cuts.left_out[why]}" for why, what in LEFT_OUT.items() if cuts.left_out[why]]
        raise Refused(f"{path} has no window that is whole ({'; '.join(parts)}): take a shorter window=")


def _known_ids(tape: Tape, cuts: Cuts, window: int, stride: int, settings: CacheSettings) -> np.ndarray:
    """The content ids (N,) of windows, kept beside their tape."""
    identity = f"{tape.record['key']} {window} {stride}"
    record = tape.folder / f"windows-{hash_parts(identity)}.parquet"
    try:
        return read_record(record, ["id"], len(cuts.starts), identity)["id"].astype("<U16")
    except DamagedCache:  # or not there yet
        ids = window_ids(tape.values, cuts.starts, window, progress=settings.progress)
        write_record(record, {"id": ids.astype(object)}, identity)
        return ids


def _name_windows(tape: Tape, cuts: Cuts, window: int, *, whole: bool) -> np.ndarray:
    """What a person reads of each window (N,): recording, and seconds where rate and all times are known."""
    begin, rate = tape.recordings["start"], tape.record["rate"]
    gaps = set(tape.pieces["recording"][tape.pieces["cut"] == GAP].tolist())
    names = np.empty(len(cuts.starts), object)
    for row, (recording, start) in enumerate(zip(cuts.recording.tolist(), cuts.starts.tolist(), strict=True)):
        first, name = start - begin[recording], tape.recordings["name"][recording]
        if whole:
            names[row] = name
        elif rate and recording not in gaps:
            names[row] = f"{name} {first / rate:.6g}\u2013{(first + window) / rate:.6g} s"
        else:
            names[row] = f"{name} [{first}:{first + window}]"
    return names


def _cut_notes(tape: Tape, cuts: Cuts, window: int, stride: int) -> list[str]:
    """Sentences on how recordings are cut, and what is left out."""
    rate = tape.record["rate"]
    seconds = f" ({window / rate:.6g} s at {rate:.6g} samples a second)" if rate else ""
    count = len(np.unique(cuts.recording))
    notes = [f"windows of {window:,} samples{seconds}, every {stride:,}: {len(cuts.starts):,} of {count:,} recordings"]
    notes += [f"{what}: {cuts.left_out[why]:,}" for why, what in LEFT_OUT.items() if cuts.left_out[why]]
    if cuts.rest:
        notes.append(f"samples at the ends of recordings, too few for a window and left out: {cuts.rest:,}")
    if stride > window:
        notes.append(f"samples between windows that are not read: {stride - window:,} of every {stride:,}")
    return notes
