"""Modules of a user's own code: imported from a file as it was read, or by name, with the digest of their content."""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

DIGEST = 16  # hexadecimal digits of a SHA-256 that are recorded
FILES: dict[str, tuple[str, ModuleType]] = {}  # by path, digest and module of what was imported


def import_file(place: str) -> tuple[str, ModuleType]:
    """Digest and module of a file; a file that is as it was is not run twice."""
    path = Path(place).resolve()
    if not path.is_file():
        raise ValueError(f"{place}: there is no such file; wanted FILE.py:NAME with a file of Python")
    content = path.read_bytes()
    digest = digest_of(content)
    if FILES.get(str(path), ("",))[0] == digest:
        return FILES[str(path)]
    refuse_mixed(path)
    name = f"kogen_plugin_{digest}_{path.stem}"
    loader = ReadLoader(name, str(path), content)
    specification = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # modules beside it; behind everything that is installed
    FILES[str(path)] = digest, module
    try:
        with without_bytecode():
            loader.exec_module(module)
    except (Exception, SystemExit) as error:
        why = describe_in(error, {str(path)})
        del sys.modules[name], FILES[str(path)]
        raise ValueError(f"{place} cannot be imported: {why}") from error
    return FILES[str(path)]


class ReadLoader(SourceFileLoader):
    """Runs the very content that was read, of which the digest is; compiled files beside it are not looked at."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self.content = content

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        raise OSError  # so that a compiled file, which could be of another content, is neither read nor written

    def get_data(self, path: Any) -> bytes:
        return self.content


@contextmanager
def without_bytecode() -> Iterator[None]:
    """While inside, Python writes no compiled files: those of modules beside a user's would lie in his folder."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def refuse_mixed(path: Path) -> None:
    """ValueError where a module beside this file is known already, from the folder of another plug-in.

    Python has one module of a name: this file would be given the other's.
    """
    folders = {Path(file).parent for file in FILES} - {path.parent}
    for beside in path.parent.glob("*.py"):
        file = getattr(sys.modules.get(beside.stem), "__file__", None)
        if file and Path(file).resolve().parent in folders:
            raise ValueError(f"{beside} and {file} have one name, and Python knows one module of a name: rename one")


def import_module(place: str) -> tuple[str, ModuleType]:
    """Digest and module of an installed module."""
    try:
        module = importlib.import_module(place)
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"the module {place!r} cannot be imported ({what}): write FILE.py:NAME for a file") from error
    return digest_of(module_content(module)), module


def module_content(module: ModuleType) -> bytes:
    """What a module's file holds; nothing for one without a file."""
    file = getattr(module, "__file__", None)
    return Path(file).read_bytes() if file else b""


def digest_of(content: bytes) -> str:
    """The digest of a source, as it is recorded."""
    return hashlib.sha256(content).hexdigest()[:DIGEST]


def frames_in(error: BaseException, files: Collection[str]) -> list[traceback.FrameSummary]:
    """The frames of an error's traceback that lie in these files."""
    return [one for one in traceback.extract_tb(error.__traceback__) if one.filename in files]


def describe_in(error: BaseException, files: Collection[str]) -> str:
    """An error in words, with the last line of these files that it passed."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    frames = frames_in(error, files)
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name}: " if frames else ""
    return f"{where}{type(error).__name__}: {error}" if str(error) else f"{where}{type(error).__name__}"
