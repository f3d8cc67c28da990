"""Plug-ins are opened where a command names them, under a name and a digest; what cannot be is a sentence."""

import os
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kogen.common import own_modules, plugins, registry
from kogen.common.plugins import check_records, find_plugin, open_object, open_spec, refuse_unopened


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plugins, "OPENED", {})
    monkeypatch.setattr(own_modules, "FILES", {})
    monkeypatch.setattr(plugins, "FILES", own_modules.FILES)


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_name_of_a_file_stands_on_its_shelf_with_the_digest_of_the_file(tmp_path: Path):
    file = write(tmp_path, "def near(train, test): return 1\n")
    assert open_spec("probes", f"{file}:near") == "near"
    assert registry.load("probes", "near")(0, 0) == 1
    assert registry.names("probes")[-1] == "near"
    plugin = find_plugin("probes", "near")
    assert plugin is not None
    assert plugin.record == f"probes=mine.py:near sha256:{plugins.digest_of(file.read_bytes())}"


def test_a_file_is_run_once_and_again_where_it_changed(tmp_path: Path):
    file = write(tmp_path, "import sys\nsys.ran = getattr(sys, 'ran', 0) + 1\nX = 1\n")
    try:
        open_spec("probes", f"{file}:X")
        open_spec("metrics", f"{file}:X")
        assert sys.ran == 1  # type: ignore[attr-defined]
        write(tmp_path, "X = 2\n")
        open_spec("probes", f"{file}:X")
        assert registry.load("probes", "X") == 2
    finally:
        del sys.ran  # type: ignore[attr-defined]


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path, "Y = 3\n", "beside_it_7.py")
    file = write(tmp_path, "from beside_it_7 import Y\n")
    assert open_spec("metrics", f"{file}:Y") == "Y"


@pytest.mark.parametrize(
    ("text", "spec", "match"),
    [
        ("", "nothere.py:X", "nothere.py: there is no such file"),
        ("X = (", "mine.py:X", r"mine.py cannot be imported: line 1: '\(' was never closed"),
        ("\nraise OSError('no disk')", "mine.py:X", "mine.py, line 2, in <module>: OSError: no disk"),
        ("class MySSL: pass", "mine.py:MySLL", "mine.py has no 'MySLL': did you mean 'MySSL'?"),
        ("", "mine.py:X", "mine.py has no 'X': it defines nothing"),
        ("", "no_module_7:X", "the module 'no_module_7' cannot be imported .* write FILE.py:NAME"),
        ("", "mine.py", "'mine.py' is no plug-in: write FILE.py:NAME"),
        ("knn = 1", "mine.py:knn", "kogen's own probes have one of this name: rename it"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(
    text: str, spec: str, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, text)
    with pytest.raises(ValueError, match=match):
        open_spec("probes", spec, ["knn"])


class Own:
    """A class of a file."""


def test_an_object_stands_under_its_name_and_the_digest_of_its_file():
    assert open_object("methods", Own) == "Own"
    plugin = find_plugin("methods", "Own")
    assert plugin is not None
    assert plugin.thing is Own
    assert plugin.digest == plugins.digest_of(Path(__file__).read_bytes())


def test_a_class_of_a_notebook_has_the_digest_of_its_functions(monkeypatch: pytest.MonkeyPatch):
    import linecache

    cell, file = "class Cell:\n    def forward(self):\n        return 1\n", "/tmp/ipykernel_1/2.py"
    module = types.ModuleType("notebook_7")
    monkeypatch.setitem(sys.modules, "notebook_7", module)
    exec(compile(cell, file, "exec"), module.__dict__)
    linecache.cache[file] = (len(cell), None, cell.splitlines(True), file)
    assert open_object("methods", module.Cell) == "Cell"
    plugin = find_plugin("methods", "Cell")
    assert plugin is not None
    assert plugin.place == plugins.INTERACTIVE
    assert plugin.digest == plugins.digest_of(b"    def forward(self):\n        return 1\n")
    del linecache.cache[file]
    with pytest.raises(ValueError, match="the source of Cell cannot be read"):
        open_object("methods", module.Cell)


def test_what_has_no_name_is_refused():
    with pytest.raises(ValueError, match="methods: got a lambda, which has no name: wanted a name"):
        open_object("methods", lambda backbone: None)
    with pytest.raises(ValueError, match="metrics: got an object of the type int"):
        open_object("metrics", 3)


def test_code_that_a_record_names_must_be_named_and_the_same(tmp_path: Path):
    file = write(tmp_path, "X = 1\n")
    with pytest.raises(ValueError, match=r"--plugins methods=mine.py:X is wanted: .* only where a command names it"):
        check_records(["methods=mine.py:X sha256:00"])
    open_spec("methods", f"{file}:X")
    plugin = find_plugin("methods", "X")
    assert plugin is not None
    check_records([plugin.record])
    with pytest.raises(ValueError, match=r"holds other code .* than the run was made with \(00\): give the file"):
        check_records(["methods=mine.py:X sha256:00"])


def test_code_that_a_study_lists_is_not_run_before_it_is_named(tmp_path: Path):
    file = write(tmp_path, "raise SystemExit('ran')\n")
    with pytest.raises(
        ValueError, match=rf"study.toml was made with code of your own.*: add --plugins probes={file}:X"
    ):
        refuse_unopened("study.toml", [f"probes={file}:X"])


def test_an_installed_package_adds_to_a_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, "class Theirs: pass\n", "acme_ssl_7.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("acme", "acme_ssl_7:Theirs", "kogen.methods")
    gone = EntryPoint("gone", "acme_ssl_7:Missing", "kogen.methods")
    monkeypatch.setattr(plugins, "installed", lambda shelf: {"acme": point, "gone": gone} if shelf == "methods" else {})
    assert {"acme", "gone"} <= set(registry.names("methods"))
    assert registry.load("methods", "acme").__name__ == "Theirs"
    plugin = find_plugin("methods", "acme")
    assert plugin is not None
    assert plugin.digest == plugins.digest_of(b"class Theirs: pass\n")
    with pytest.raises(ValueError, match="methods: 'gone' of the package acme_ssl_7:Missing cannot be imported"):
        registry.load("methods", "gone")


def test_an_unknown_name_says_how_code_of_ones_own_is_named():
    with pytest.raises(ValueError, match=r"unknown name 'MySSL' among the methods: .*--plugins methods=FILE.py:MySSL"):
        registry.load("methods", "MySSL")
    with pytest.raises(ValueError, match=r"mine.py:MySSL is code that this command does not name itself"):
        registry.load("methods", "mine.py:MySSL")


def test_a_file_is_read_as_it_is_and_nothing_is_written_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import py_compile

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path, "Y = 1\n", "beside_it_8.py")
    file = write(tmp_path, "from beside_it_8 import Y\nX = 1\n")
    open_spec("probes", f"{file}:X")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["beside_it_8.py", "mine.py"]
    stale = write(tmp_path, "X = 2\n", "stale.py")  # of the same size and time as the compiled one, which says 3
    py_compile.compile(str(write(tmp_path, "X = 3\n", "stale.py")))
    stamp = stale.stat()
    write(tmp_path, "X = 2\n", "stale.py")
    os.utime(stale, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    open_spec("metrics", f"{stale}:X")
    assert registry.load("metrics", "X") == 2


def test_two_folders_with_a_module_of_one_name_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, f"Y = {value}\n", "beside_it_9.py")
        write(tmp_path / name, f"from beside_it_9 import Y\n{name.upper()} = Y\n", f"{name}.py")
    open_spec("probes", f"{tmp_path}/a/a.py:A")
    with pytest.raises(ValueError, match=r"b/beside_it_9.py and .*a/beside_it_9.py have one name"):
        open_spec("probes", f"{tmp_path}/b/b.py:B")
