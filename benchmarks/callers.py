"""Which tests call which functions, and how long they take: by this benchmarks/mutation.py chooses and orders tests."""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

BROWSER = "chromium", "tests/helpers/browser.py"  # the fixture and the helper of tests that open a browser
SAFE = ("property", "staticmethod", "classmethod")  # decorators that keep nothing between two tests


class Watch:
    """A plugin of pytest that notes, for each test, its seconds and the functions of a tree that it calls."""

    def __init__(self, tree: Path) -> None:
        self.tree, self.found, self.shared = f"{tree}/", dict[str, dict[str, Any]](), dict[str, set[CodeType]]()
        self.codes: set[CodeType] = set()

    def note(self, frame: FrameType, event: str, value: object) -> None:
        self.codes.add(frame.f_code)

    def places(self, codes: set[CodeType]) -> set[tuple[str, int]]:
        """File and first line of each function of the tree."""
        here = (code for code in codes if code.co_filename.startswith(self.tree))
        return {(code.co_filename.removeprefix(self.tree), code.co_firstlineno) for code in here}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tests with the fixture of a browser are never chosen: they need not run."""
        items[:] = [item for item in items if BROWSER[0] not in getattr(item, "fixturenames", ())]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """What a fixture calls counts for each test of the file: it may be made once for all."""
        self.codes = self.shared.setdefault(item.nodeid.partition("::")[0], set())
        sys.settrace(self.note)
        try:
            return (yield)
        finally:
            sys.settrace(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.codes = set()
        sys.settrace(self.note)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            found = self.found.setdefault(item.nodeid, {"seconds": 0.0})
            found["codes"] = self.places(self.codes)
            found["browser"] = any(file == BROWSER[1] for file, _ in found["codes"])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.found.setdefault(report.nodeid, {"seconds": 0.0})["seconds"] += report.duration

    def write(self, place: Path) -> None:
        """One object a test: seconds, and functions as file to lines."""
        tests: dict[str, dict[str, Any]] = {}
        for name, one in self.found.items():
            calls: dict[str, list[int]] = {}
            for file, line in sorted(one.get("codes", set()) | self.places(self.shared[name.partition("::")[0]])):
                calls.setdefault(file, []).append(line)
            tests[name] = {"seconds": one["seconds"], "browser": one.get("browser", False), "calls": calls}
        place.write_text(json.dumps(tests))


class Chosen:
    """A plugin of pytest that runs only some tests, in their order."""

    def __init__(self, names: Sequence[str]) -> None:
        self.order = {name: i for i, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.order), key=lambda item: self.order[item.nodeid]
        )


def callers(tests: dict[str, dict[str, Any]], module: str, span: tuple[int, int] | None) -> list[str]:
    """The tests that call a function, the quick ones first, file by file; all tests where `span` is None.

    `span`: the first and last line of the function in `module`. No test that opens a browser.
    """
    named = {
        name: one["seconds"]
        for name, one in tests.items()
        if not one["browser"]
        and (span is None or any(span[0] <= line <= span[1] for line in one["calls"].get(module, [])))
    }
    file_of = {name: name.partition("::")[0] for name in named}
    total = {file: sum(named[name] for name in named if file_of[name] == file) for file in set(file_of.values())}
    return sorted(named, key=lambda name: (total[file_of[name]], file_of[name], named[name], name))


def function_around(source: bytes, line: int) -> tuple[int, int] | None:
    """The lines of the outermost function whose body holds a line; None outside, or where its results may be kept."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or not node.body[0].lineno <= line <= (node.end_lineno or 0):
            continue
        if not all(isinstance(one, ast.Name) and one.id in SAFE for one in node.decorator_list):
            return None
        return min([node.lineno, *(one.lineno for one in node.decorator_list)]), node.end_lineno or 0
    return None


def digest_of(*parts: bytes) -> str:
    """A hash of some bytes."""
    return hashlib.blake2b(b"\0".join(parts), digest_size=12).hexdigest()
