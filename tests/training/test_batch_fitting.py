"""Batch fitting: a batch that does not fit ends in a sentence with the size that does, and `auto` cuts it by itself."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import blobs, plan_for

from kogen import api
from kogen.common import distributed
from kogen.common.files import read_json
from kogen.config.study import make_study
from kogen.study.cost_estimate import estimate_cost
from kogen.study.plans import plans_of
from kogen.study.splits import Splits
from kogen.training import batch_fitting, loop
from kogen.training.batch_fitting import choose_batch, fit_batch, part_counts
from kogen.training.run import train_run

BATCH = 32


@pytest.fixture
def room(monkeypatch):
    """Memory for so many images of a training step at a time, and no more."""
    forward = loop.train_step

    def make(most: int) -> None:
        def step(fabric, wrapped, optimiser, loader, number, accumulate):
            if loader.part > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return forward(fabric, wrapped, optimiser, loader, number, accumulate)

        monkeypatch.setattr(loop, "train_step", step)
        monkeypatch.setattr(batch_fitting.gc, "collect", int)  # a second each in a process of many tests

    return make


def test_a_batch_that_does_not_fit_says_which_size_does(room, tmp_path):
    images = blobs(64)
    room(9)
    wanted = (
        "byol: 32 images at a time do not fit into the memory this process may have: 8 do. Use --accumulate 4, "
        r"which keeps the batch of 32 \(batch norm and negatives see 8 images then\), or --batch-size auto"
    )
    with pytest.raises(ValueError, match=wanted):
        train_run(plan_for(images), images, tmp_path)
    with pytest.raises(ValueError, match=wanted):
        estimate_cost([plan_for(images)], Splits(images, images, {}, {}, ""), ("knn",), (2,))
    train_run(plan_for(images, accumulate=4, epochs=1), images, tmp_path / "cut")


def test_where_nothing_fits_it_says_so(room, tmp_path):
    images = blobs(64)
    room(1)
    with pytest.raises(ValueError, match=r"32 images at a time do not fit .*: nor do two; use a smaller --image-size"):
        train_run(plan_for(images), images, tmp_path)
    with pytest.raises(ValueError, match="byol: not even two images at a time fit into the memory"):
        fit_batch(plan_for(images), images)


def test_other_errors_are_left_alone(monkeypatch, tmp_path):
    images = blobs(64)

    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(loop, "train_step", broken)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        train_run(plan_for(images), images, tmp_path)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fit_batch(plan_for(images), images)


@given(st.integers(2, 5000), st.integers(1, 8))
def test_cuts_divide_the_batch_and_at_least_halve_it(batch, least):
    found = list(part_counts(batch, least))
    assert found[:1] == [least] * (least <= batch // 2)
    assert all(batch % parts == 0 and batch // parts >= 2 for parts in found[1:])
    assert all(after >= 2 * before for before, after in pairwise(found))


def test_auto_halves_until_it_fits_and_keeps_to_it(room, tmp_path, capsys):
    room(100)
    asked = {"method": "simclr", "batch_size": "auto", "image_size": 16, "backbone": "tiny?width=8", "epochs": 1}
    asked |= {"out": tmp_path / "run", "precision": "32"}
    api.pretrain("surfaces?n=256&size=16", **asked)
    plan = read_json(tmp_path / "run" / "plan.json")
    assert (plan["batch_size"], plan["accumulate"]) == (256, 4)
    assert "a batch of 256 in 4 parts of 64, as many as fit into memory" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "run" / "summary.json").unlink()  # as if it had been cut off; meanwhile there is more room
    room(1000)
    api.pretrain("surfaces?n=256&size=16", **asked)
    assert read_json(tmp_path / "run" / "plan.json") == plan


def test_auto_in_a_study_cuts_each_method_by_itself_once(room, tmp_path):
    room(128)
    asked = {"methods": ("byol", "supervised", "random"), "batch_size": "auto", "image_size": 16, "epochs": 1}
    asked |= {"seeds": 2, "backbone": "tiny?width=8", "probes": ("knn",), "precision": "32", "views": "inspection"}
    asked |= {"settings": {}, "shifts": {"night": "surfaces:night?n=40&size=16&split=test"}}
    api.pilot("surfaces?n=256&size=16", out=tmp_path, **asked)
    plans = [json.loads(place.read_text()) for place in (tmp_path / "runs").glob("*/plan.json")]
    assert {(p["method"], p["seed"], p["batch_size"], p["accumulate"]) for p in plans} >= {
        ("byol", 0, 256, 2),
        ("byol", 1, 256, 2),
    }
    assert {p["accumulate"] for p in plans if p["method"] == "random"} == {1}


def test_auto_is_for_one_process(monkeypatch):
    images = blobs(64)
    plan = plan_for(images)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="--batch-size auto is for one process, and 2 train together"):
        fit_batch(plan, images)


@pytest.mark.parametrize(
    ("images", "batch"), [(1, 2), (2, 2), (3, 2), (4, 4), (60, 32), (64, 64), (255, 128), (256, 256), (10**6, 256)]
)
def test_few_images_get_a_smaller_batch_and_are_told(images, batch, capsys):
    for asked in (None, "auto"):
        assert choose_batch(asked, images) == batch
        said = f"batch of {batch}, because there are {images} images; --batch-size chooses\n"
        assert capsys.readouterr().err == (said if 1 < images < 256 else "")
    assert choose_batch(17, images) == 17
    assert capsys.readouterr().err == ""


def test_sixty_images_train_and_a_study_of_them_says_its_batch_once(tmp_path, capsys):
    quick = {"image_size": 16, "backbone": "tiny?width=8", "epochs": 1}
    api.pretrain("surfaces?n=60", method="simclr", out=tmp_path / "run", **quick)
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["batch_size"] == 32
    assert "batch of 32, because there are 60 images; --batch-size chooses" in capsys.readouterr().err
    study = make_study({"source": "x", "methods": ("simclr", "random"), "seeds": 2, **quick}, "pilot")
    pool = blobs(40)
    plans = plans_of(study, Splits(pool, pool, {}, {}, ""))
    assert {plan.batch_size for plan in plans} == {32}
    assert capsys.readouterr().err.count("because there are 40 images") == 1


def test_a_batch_that_labels_do_not_fill_is_told_once_for_each_method(tmp_path, capsys):
    pool = blobs(64)
    pool.labels[20:] = -1
    quick = {"image_size": 16, "backbone": "tiny?width=8", "epochs": 1, "batch_size": 32}
    study = make_study({"source": "x", "methods": ("supervised", "simclr"), "seeds": 2, **quick}, "pilot")
    plans = plans_of(study, Splits(pool, pool, {}, {}, ""))
    assert [plan.batch_size for plan in plans] == [20, 32, 20, 32]
    assert capsys.readouterr().err == "supervised: batch of 20, because 20 images have labels\n"


def test_a_wrong_batch_size_is_refused_with_what_it_may_be():
    with pytest.raises(ValueError, match="batch_size = 'all'"):
        make_study({"source": "x", "batch_size": "all"}, "pilot")
    assert make_study({"source": "x", "batch_size": "auto"}, "pilot").batch_size == "auto"


@pytest.mark.slow
def test_a_real_lack_of_memory(tmp_path):
    """Under a limit of the system the allocator itself refuses: a sentence, and with auto fewer images at a time."""
    code = f"""
import pathlib, resource, numpy as np, torch
from itertools import islice
from kogen.training.loop import trial_steps
from kogen.training.batch_fitting import fit_batch
from kogen.data.images import from_array
from kogen.study.plans import with_data
from kogen.training.run import train_run
from kogen.config.plan import Plan
torch.set_num_threads(1)
torch.backends.mkldnn.set_flags(False)  # it says of a lack of memory only that something could not be created
images = from_array(np.random.default_rng(0).integers(0, 256, (256, 3, 32, 32), dtype=np.uint8), name="noise")
def plan(**more):
    network = "vit_tiny_patch16_224?depth=1&embed_dim=96&num_heads=3"
    asked = {{"method": "simclr", "backbone": network, "batch_size": 256, "epochs": 1, "precision": "32"}}
    return with_data(Plan(**asked, **more), images)
list(islice(trial_steps(plan(accumulate=64), images), 1))  # from here on threads and pools are there
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), used + (100 << 20)))
try:
    train_run(plan(), images, pathlib.Path({str(tmp_path / "run")!r}))
except ValueError as error:
    print(error)
print(fit_batch(plan(), images).accumulate)
"""
    whole = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed goes back, and does not lie in pieces
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=whole)
    assert done.returncode == 0, done.stderr
    sentence, parts = done.stdout.strip().splitlines()
    assert "simclr: 256 images at a time do not fit into the memory this process may have" in sentence
    fitting, cut = (int(number) for number in re.search(r"have: (\d+) do. Use --accumulate (\d+),", sentence).groups())
    assert fitting * cut == 256
    assert min(int(parts), cut) > 1
