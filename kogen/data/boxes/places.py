"""Places: where the images that annotations name lie, and which split a file or a folder says."""

import posixpath
import re

from kogen.data.split_names import TEST, TRAIN, UNLABELLED, VAL, split_name

KNOWN = (TRAIN, VAL, TEST, UNLABELLED)
TRIED = 100  # images that choose among folders
_BETWEEN = re.compile(r"[\W_\d]+")


def split_of(name: str) -> str:
    """The split that a path says, nearest to its end: `instances_train2017.json`, `train/labels/1.txt`; "" for none."""
    for part in reversed(name.split("/")):
        for word in _BETWEEN.split(part):
            if word and (meant := split_name(word)) in KNOWN:
                return meant
    return ""


def find_folder(beside: str, written: list[str], there: list[str]) -> dict[str, str]:
    """Files as annotations write them to those that are there, of one folder: the one that holds most of them.

    Of folders that hold as many the nearest to `beside`, the file that writes them. What is not found is left out.
    """
    known, plain = set(there), {name: posixpath.normpath(name.replace("\\", "/")) for name in written}
    folders = {""}
    for name in there:
        while name := posixpath.dirname(name):
            if name in folders:
                break
            folders.add(name)
    home = posixpath.dirname(beside)

    def distance(folder: str) -> tuple[int, str]:
        shared = posixpath.commonpath([folder, home]) if folder and home else ""
        steps = sum(len(path.split("/")) if path else 0 for path in (folder, home))
        return steps - 2 * (len(shared.split("/")) if shared else 0), folder

    some = list(plain.values())[:TRIED]
    order = sorted(folders, key=distance)
    best = max(order, key=lambda folder: sum(posixpath.join(folder, name) in known for name in some))
    found = {name: posixpath.join(best, tail) for name, tail in plain.items()}
    return {name: path for name, path in found.items() if path in known}


def by_stem(names: list[str]) -> dict[str, list[str]]:
    """Files by their names without folder and ending."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(posixpath.splitext(posixpath.basename(name))[0], []).append(name)
    return found
