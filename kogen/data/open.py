"""Opens a source, which is a text, as Images."""

import inspect
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np

from kogen.common import registry, text
from kogen.common.kinds import Kind
from kogen.common.objects import PREFIX
from kogen.common.plugins import check_call, unknown_name
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets.table import read_rows
from kogen.data.datasets.torchvision import torchvision_parts
from kogen.data.images import Images, from_array
from kogen.data.labels import distinct_names
from kogen.data.lance_access import in_store, is_lance, lance_place
from kogen.data.listing import escape_surrogates, spellings
from kogen.data.objects.array import hold_array
from kogen.data.objects.shards import expand_shards
from kogen.data.series.recording_files import holds_archive

KINDS: dict[str, str] = dict.fromkeys((".csv", ".tsv", ".txt", ".parquet"), "table")
KINDS |= dict.fromkeys((".npy", ".npz"), "arrays") | {".tar": "wds", ".ts": "series"}
HELD_SERIES = f"{PREFIX}series-"  # see data/objects/series_parts.py
SERIES = ("machines", "series")  # data sources of windows of series
FOLDER = "give the folder it lies in"
PACKED: dict[str, str] = dict.fromkeys((".zip", ".gz", ".tgz", ".7z", ".rar"), "unpack it, and give the folder")
PACKED |= dict.fromkeys((".xls", ".xlsx", ".ods"), "save it as csv")
PACKED |= dict.fromkeys((".wav", ".mat"), "of a recording of sensors write series: before it")
TYPE_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def open_images(
    source: str | Path,
    storage: CacheSettings | None = None,
    *,
    labels: str | Path | None = None,
    split: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
    name: str = "",
) -> Images:
    """The images of a source: a path (folder, table, array file), or a data source `NAME[:VARIANT][?KEY=VALUE&...]`.

    An object stands there as the text under which it is held, see `kogen.common.objects`.

    An existing path wins. `labels` is a table `path,label,cluster,split` (only path required) for a folder, `columns`
    and `encoding` how a table is read, `split` one part of a source that has parts (None: all, each image with its
    split, see `training_part`); `storage` is how decoded pixels are stored.
    Raises ValueError for a source, a setting or a label file that does not make sense.
    """
    kind, what, settings = _parse_source(str(source))
    given = {"labels": labels, "split": split, "columns": columns, "encoding": encoding}
    for key, value in given.items():
        if value is not None and settings.setdefault(key, str(value)) != str(value):
            raise ValueError(f"{key} is given twice, as {settings[key]!r} in {str(source)!r} and as {str(value)!r}")
    if what and kind != "lance" and os.path.isdir(what):
        refuse_cache_among_images(what, storage or CacheSettings())
    function = registry.load("datasets", kind)
    if kind not in registry.own_names("datasets"):
        check_source(kind, function, bool(what))
    accepted = inspect.signature(function).parameters
    known = [p.name for p in accepted.values() if p.kind is p.KEYWORD_ONLY and p.name not in ("storage", "name")]
    for key in settings:
        if key not in known:
            help = text.hint(key, known) if known else "it takes none"
            raise ValueError(f"the data source {kind!r} has no setting {key!r}: {help}")
        if accepted[key].annotation is not inspect.Parameter.empty:  # a user's own may say nothing of types
            check_type(f"{key} of {str(source)!r}", settings, key, accepted[key].annotation)
    shared = {"storage": storage or CacheSettings()} if "storage" in accepted else {}
    images = function(*([what] if what else []), **settings, **shared)
    if kind not in registry.own_names("datasets"):
        images = own_images(kind, images, storage or CacheSettings())
    if name or os.path.exists(what):
        path = Path(os.path.abspath(what))
        named = path.name if path.is_dir() and kind != "lance" else path.stem
        images = replace(images, name=name or escape_surrogates(named))
    return images


def check_source(kind: str, function: Any, variant: bool) -> None:
    """ValueError for a user's own data source that cannot be called as one."""
    wanted = "a function, variant first where it has any (NAME:VARIANT), and settings by keyword with defaults"
    check_call(f"the data source {kind!r}", function, ["variant"] if variant else [], wanted)


def own_images(kind: str, made: Any, storage: CacheSettings) -> Images:
    """What a user's own data source returned, as Images: these, or pixels (N, C, H, W) with labels and class names.

    Of uint16 black and white are found, or are those of `storage`, as of any array.
    """
    if isinstance(made, Images):
        return made
    wanted = "wanted kogen.extend.Images, or (pixels, labels, class names) with pixels (N, C, H, W) of uint8 or uint16"
    if not isinstance(made, tuple | list) or len(made) not in (1, 2, 3):
        raise ValueError(f"the data source {kind!r} returned a {type(made).__name__}: {wanted}")
    pixels, labels, classes = (*made, None, None)[:3]
    pixels = np.asarray(pixels)
    if pixels.ndim != 4 or pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[1] > 4:
        raise ValueError(f"the data source {kind!r} returned pixels {pixels.shape} of {pixels.dtype}: {wanted}")
    if not len(pixels):
        raise ValueError(f"the data source {kind!r} returned no images: wanted one or more")
    images = from_array(pixels, name=kind)
    if pixels.dtype == np.uint16:
        held = hold_array(pixels, kind, "NCHW")
        assert held is not None
        images = replace(held.open(storage, kind, None, None), sources=images.sources)
    if labels is None:
        return images
    numbers = np.asarray(labels)
    if numbers.shape != (len(pixels),) or numbers.dtype.kind not in "iu":
        got = f"labels {numbers.shape} of {numbers.dtype} for {len(pixels)} images"
        raise ValueError(f"the data source {kind!r} returned {got}: wanted a whole number each, -1 where unknown")
    named = range(int(numbers.max(initial=-1)) + 1) if classes is None else classes
    names = distinct_names(named, f"the class names of the data source {kind!r}")
    if numbers.max(initial=-1) >= len(names) or numbers.min(initial=0) < -1:
        found = f"from {numbers.min(initial=0)} to {numbers.max(initial=-1)}"
        wanted = f"-1 (unknown) or a place in the {len(names)} class names"
        raise ValueError(f"the data source {kind!r} returned labels {found}: wanted {wanted}")
    return replace(images, labels=numbers.astype(np.int64), classes=names)


def check_type(title: str, settings: dict[str, Any], key: str, annotation: Any) -> None:
    """ValueError for a setting of another type than its data source takes; a number that is a name becomes text."""
    value = settings[key]
    kinds = tuple(get_origin(kind) or kind for kind in get_args(annotation) or (annotation,))
    if str in kinds and type(value) in (int, float) and type(value) not in kinds:
        settings[key] = str(value)  # a split or a folder may be called 2012
    elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(TYPE_WORDS[kind] for kind in kinds if kind in TYPE_WORDS)
        raise ValueError(f"{title} is {value!r}, wanted {names}")


def refuse_cache_among_images(folder: str, storage: CacheSettings) -> None:
    """ValueError where the cache of pixels lies in a folder of images and would be listed with them."""
    cache, root = storage.cache_folder.resolve(), Path(folder).resolve()
    if cache.is_relative_to(root) and not any(part.startswith(".") for part in cache.relative_to(root).parts):
        raise ValueError(f"the cache {cache} lies among the images {folder}: set KOGEN_CACHE to another folder")


def _parse_source(source: str) -> tuple[str, str, dict[str, Any]]:
    """The name of the data source, the path or variant, and the settings."""
    base = source.partition("?")[0]
    if os.path.exists(source):
        return _source_kind(source), source, {}
    settings = text.parse_spec(source)[1]
    if os.path.exists(base):
        return _source_kind(base), base, settings
    if in_store(base):
        return "lance", lance_place(base), settings
    kind, _, variant = base.partition(":")
    if kind.endswith(".py"):
        raise ValueError(unknown_name("datasets", base, []))
    if kind not in registry.names("datasets"):
        raise ValueError(
            f"no such path and no such data source: {source!r}; {text.hint(kind, registry.names('datasets'))} "
            "(a folder, .csv, .parquet, .npy, .npz, .ts, or a name of `kogen list datasets`)"
        )
    return kind, variant, settings


def source_paths(
    *sources: str | Path | None,
    labels: str | Path | None = None,
    columns: str | None = None,
    encoding: str | None = None,
) -> list[Path]:
    """What sources (SOURCE, NAME=SOURCE, or None) read on this disk, links followed; keywords as for `open_images`.

    Their paths, settings that are paths, the folders of a table's images, and what links below a folder point to. Of a
    table that labels a folder the file alone: its rows name images of that folder, wherever the table lies.
    """
    paths = [Path(labels)] if labels is not None and _exists(str(labels)) else []
    given = [str(source) for source in sources if source is not None]
    for spec in [*given, *(source.partition("=")[2] for source in given if not _exists(source))]:
        base = spec if _exists(spec) else spec.partition("?")[0]
        try:
            _, what, settings = _parse_source(spec)
        except ValueError:  # a file of weights; or nothing, and whoever opens it says so
            what, settings = base, {}
        if base.startswith("series:") and not _exists(what):  # FOLDER/NAME of a set of UCR or UEA
            what = os.path.dirname(what)
        if spec.startswith(PREFIX):
            paths += _held_places(spec, columns)
        elif base.startswith("wds:"):
            with suppress(ValueError):  # whoever reads them says so
                paths += [Path(shard) for shard in expand_shards(what)]
        there = [Path(str(part)) for part in (base, what, *settings.values()) if part and _exists(str(part))]
        tables = {
            path
            for path in map(Path, (base, what))
            if not base.startswith("series:") and KINDS.get(path.suffix.lower()) == "table"
        }
        how = {"columns": columns, "encoding": encoding}
        how |= {key: str(value) for key, value in settings.items() if key in how}
        paths += there + [place for table in tables & {*there} for place in _image_places(table, **how)]
        paths += [target for folder in there if folder.is_dir() for target in _link_targets(folder)]
    return paths


def _exists(path: str) -> bool:
    """Whether a path exists; one that no system takes does not."""
    try:
        return os.path.exists(path)
    except ValueError:
        return False


def _image_places(table: Path, columns: str | None = None, encoding: str | None = None) -> set[Path]:
    """The folders of a table's images, which lie beside it or below, and of what they are links to."""
    try:
        rows = read_rows(str(table), columns, encoding).paths
    except ValueError:
        return set()  # whoever reads it says so
    return _places_of(rows, str(table.parent))


def _held_places(spec: str, columns: str | None) -> set[Path]:
    """The folders of the images that a frame names; none of other objects."""
    try:
        rows = read_rows(spec, columns).paths
    except ValueError:
        return set()  # an array, or a frame that whoever reads it refuses
    return _places_of(rows, os.getcwd())


def _places_of(rows: np.ndarray, root: str) -> set[Path]:
    """The folders of images that rows name below a root, and of what they are links to."""
    named = ((os.path.join(root, form) for form in spellings(row)) for row in rows)
    found = [next((image for image in forms if _exists(image) or os.path.islink(image)), None) for forms in named]
    images = [image for image in found if image is not None]
    folders = {os.path.dirname(image) for image in images}
    folders |= {os.path.dirname(os.path.realpath(image)) for image in images if os.path.islink(image)}
    return {Path(folder) for folder in folders if os.path.isdir(folder)}


def _link_targets(folder: Path) -> set[Path]:
    """What links below a folder point to: folders, and the folders of files; hidden names apart, as when it is read."""
    found, waiting, seen = set[Path](), [os.path.realpath(folder)], set[str]()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                target = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if entry.is_symlink():
                    found.add(Path(target if os.path.isdir(target) else os.path.dirname(target)))
                if entry.is_dir():
                    waiting.append(target)
    return found


def _source_kind(path: str) -> str:
    """The name of the data source that reads a path."""
    if os.path.isdir(path):
        return "lance" if is_lance(path) else "series" if holds_archive(path) else "folder"
    ending = os.path.splitext(path)[1].lower()
    if ending not in KINDS:
        raise ValueError(f"{path} is neither a folder nor one of {', '.join(KINDS)}: {PACKED.get(ending, FOLDER)}")
    return KINDS[ending]


def kind_of_source(source: str) -> Kind:
    """What a source holds, by its name and settings; a user's own is opened to know.

    What is no source counts as images: whoever opens it says so.
    """
    if source.startswith(HELD_SERIES):
        return "series"
    try:
        kind, _, settings = _parse_source(source)
    except ValueError:
        return "image"
    if kind not in registry.own_names("datasets"):
        return open_images(source).kind
    return "series" if kind in SERIES and "spectrogram" not in settings else "image"


def test_part_of(source: str) -> str | None:
    """The source of the test part of a named data set whose parts are opened apart, None for any other source."""
    kind, what, settings = _parse_source(source)
    if kind in ("surfaces", "machines") and settings.get("split") != "test":
        split = "test"
    elif kind == "torchvision" and "split" not in settings:
        split = torchvision_parts(what)[1]
    else:
        return None
    base, _, query = source.partition("?")
    return None if split is None else f"{base}?{query}&split={split}" if query else f"{base}?split={split}"
