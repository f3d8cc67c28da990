"""A notebook, run by its own kernel: one bar that is drawn in place, no escape codes, no thousand lines."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kogen.common.speech import notebook_bar
from kogen.common.speech.console import in_notebook
from kogen.common.speech.notebook_bar import bar_content

CODE = """
import time
from kogen.common.speech.console import say, show_events
from kogen.common.speech.progress import progress_bar, training_bar
with show_events():
    say("60 images", title="train")
with progress_bar("decoding", transient=True) as report:
    for step in range(200):
        report(step + 1, 200)
with training_bar("byol <b>seed</b> 0") as report:
    for step in range(300):
        report(step + 1, 300, {"loss": 0.5}, 812.0, 0.3)
        time.sleep(0.005)
"""


def test_words_cannot_act():
    content = bar_content("<b>x</b>\x1b[2J", 1, 4, "50 images/s")
    assert content["text/plain"] == "<b>x</b>\\x1b[2J: 25 %, 50 images/s"
    assert "<b>" not in content["text/html"]
    assert 'value="1" max="4"' in content["text/html"]
    assert not in_notebook()


def test_a_forecast_is_by_the_pace_of_this_call(monkeypatch: pytest.MonkeyPatch):
    shown: list[str] = []
    drawn = SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))
    display = SimpleNamespace(display=lambda *_, **__: drawn)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display, get_ipython=lambda: None))
    clock = iter([0.0, 60.0, 120.0, 180.0])
    monkeypatch.setattr(notebook_bar.time, "perf_counter", lambda: next(clock))
    with notebook_bar.notebook_bar("byol", transient=False) as report:
        for step in (50, 60, 70):  # 50 were done by an earlier call
            report(step, 100, "loss 1")
    assert shown == [
        "byol: 50 %, loss 1",
        "byol: 60 %, about 8.0 min left, loss 1",
        "byol: 70 %, about 4.5 min left, loss 1",
        "byol: 70 %, loss 1",
    ]


def run_cell(code: str, folder: Path) -> list[Any]:
    """The outputs of a cell that a kernel of its own runs."""
    client, form = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    kernel = folder / "kernels" / "kogen-test"
    kernel.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": start, "display_name": "test", "language": "python"}))
    book = form.v4.new_notebook(cells=[form.v4.new_code_cell(code)])
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(folder)
    try:
        client.NotebookClient(book, timeout=300, kernel_name="kogen-test").execute()
    finally:
        os.environ.pop("JUPYTER_PATH") if before is None else os.environ.update(JUPYTER_PATH=before)
    return book.cells[0].outputs


def test_a_cell_has_one_bar_a_job_and_no_escape_codes(tmp_path: Path):
    outputs = run_cell(CODE, tmp_path)
    assert "\\u001b" not in json.dumps(outputs)
    lines = "".join(one.text for one in outputs if one.output_type == "stream")
    assert lines == "train: 60 images\n"
    shown = [one.data for one in outputs if one.output_type == "display_data"]
    assert len(shown) == 2
    assert shown[0] == {"text/plain": ""}  # transient
    assert shown[1]["text/plain"] == "byol <b>seed</b> 0: 100 %, 812 images/s, RankMe 0.30, loss 0.500"
    assert 'max="300"' in shown[1]["text/html"]
    assert "<b>seed" not in shown[1]["text/html"]
