"""ImageNet's own layouts, drawn small: every layout gives the right wnid, a hostile one a sentence that helps."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._imagenet_labels import read_labels, wnids
from kogen.data.images import Images
from kogen.data.open import open_images

KNOWN = wnids()
A = (KNOWN[6], KNOWN[11], KNOWN[13])  # what ImageNet-A is here: three classes instead of two hundred


def draw(path: Path, value: int) -> None:
    """A flat gray image whose value says which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path, "PNG")


def opened(root: Path, query: str = "") -> Images:
    return open_images(f"imagenet:{root}{query}", CacheSettings(cache=root.parent / "cache", progress=False))


def truth(images: Images) -> dict[str, str]:
    """Source to the name of its label."""
    return {str(s): images.classes[k] for s, k in zip(images.sources, images.labels, strict=True)}


def by_wnid(root: Path, classes: tuple[str, ...] | list[str]) -> Path:
    for i, wnid in enumerate(classes):
        draw(root / wnid / f"ILSVRC2012_val_{i + 1:08d}.JPEG", i % 250)
    (root / "README.txt").write_text("as the archives have one")
    return root


def flat(root: Path, count: int = 4) -> Path:
    for i in range(count):
        draw(root / f"ILSVRC2012_val_{i + 1:08d}.JPEG", i)
    return root


def test_the_classes_are_the_usual_thousand():
    assert len(set(KNOWN)) == 1000
    assert list(KNOWN) == sorted(KNOWN)
    assert (KNOWN[0], KNOWN[999]) == ("n01440764", "n15075141")  # tench, toilet tissue


def test_a_whole_val_is_judged_among_all(tmp_path):
    images = opened(by_wnid(tmp_path / "val", KNOWN))
    assert images.classes == KNOWN
    assert images.allowed_classes == ()
    assert images.name == "val"
    assert all(source.startswith(label) for source, label in truth(images).items())


def test_a_and_r_are_judged_among_their_own_and_val_has_a_counterpart(tmp_path):
    hard = opened(by_wnid(tmp_path / "imagenet-a", A))
    assert hard.allowed_classes == hard.classes == A
    val = by_wnid(tmp_path / "val", KNOWN[:20])
    clean = opened(val, f"?like={tmp_path / 'imagenet-a'}")
    assert clean.allowed_classes == clean.classes == A
    assert set(truth(clean).values()) == set(A)
    assert len(clean) == 3
    assert clean.digest != opened(val).digest
    assert clean.with_classes(KNOWN).allowed_classes == A  # in a study whose training set has all classes


def test_v2_is_numbered_never_sorted_as_text(tmp_path):
    for number in (0, 1, 2, 10, 11, 100, 999):
        draw(tmp_path / "v2" / str(number) / "abc.jpeg", number % 250)
    images = opened(tmp_path / "v2")
    found = {int(source.partition("/")[0]): label for source, label in truth(images).items()}
    assert found == {number: KNOWN[number] for number in (0, 1, 2, 10, 11, 100, 999)}
    assert images.allowed_classes == ()


LABELS = {
    "val_map.txt": lambda i, k: f"ILSVRC2012_val_{i:08d}.JPEG {KNOWN[k]}",
    "val.txt": lambda i, k: f"ILSVRC2012_val_{i:08d}.JPEG {k}",
    "LOC_val_solution.csv": lambda i, k: f"ILSVRC2012_val_{i:08d},{KNOWN[k]} 1 2 3 4 ",
    "synset_labels.txt": lambda i, k: KNOWN[k],
}


@pytest.mark.parametrize("name", LABELS)
def test_flat_val_with_a_file_of_labels(tmp_path, name):
    numbers = [65, 970, 230, 9]
    head = ["ImageId,PredictionString"] if name.endswith("csv") else []
    lines = [LABELS[name](i, k) for i, k in enumerate(numbers, 1)]
    (tmp_path / name).write_text("\n".join([*head, *lines]) + "\n")
    images = opened(flat(tmp_path / "val"), f"?labels={tmp_path / name}")
    assert list(truth(images).values()) == [KNOWN[k] for k in numbers]
    assert images.allowed_classes == ()


def kit(folder: Path, numbers: list[int]) -> Path:
    """A development kit whose own numbers run against the sorted order."""
    folder.mkdir()
    kind = [("ILSVRC2012_ID", object), ("WNID", object)]
    synsets = np.array([(i + 1, wnid) for i, wnid in enumerate(reversed(KNOWN))], dtype=kind)
    savemat(folder / "meta.mat", {"synsets": synsets})
    place = folder / "ILSVRC2012_validation_ground_truth.txt"
    place.write_text("\n".join(map(str, numbers)) + "\n")
    return place


def test_the_development_kit_has_an_order_of_its_own(tmp_path):
    place = kit(tmp_path / "data", [1, 1000, 2, 500])
    images = opened(flat(tmp_path / "val"), f"?labels={place}")
    assert list(truth(images).values()) == [KNOWN[999], KNOWN[0], KNOWN[998], KNOWN[500]]
    (tmp_path / "data" / "meta.mat").unlink()
    with pytest.raises(ValueError, match=r"the development kit's own numbers, .* put the kit's meta.mat there"):
        read_labels(str(place), KNOWN)


@pytest.mark.parametrize("layout", ["flat", "folders"])
def test_real(tmp_path, layout):
    sets = [[5, 3], [], [1], [7, 2, 900], [0]]
    (tmp_path / "real.json").write_text(json.dumps(sets))
    root = tmp_path / "val"
    if layout == "flat":
        flat(root, 4)
    else:  # the old labels are 3, 1, 2, 7
        for i, k in enumerate([3, 1, 2, 7], 1):
            draw(root / KNOWN[k] / f"ILSVRC2012_val_{i:08d}.JPEG", i)
    images = opened(root, f"?real={tmp_path / 'real.json'}")
    assert len(images) == 3
    assert [(Path(bad.source).name, bad.reason) for bad in images.bad] == [
        ("ILSVRC2012_val_00000002.JPEG", "ReaL gives it no label")
    ]
    assert images.quality()["bad_count"] == 1
    assert images.classes == KNOWN
    assert images.answers is not None
    found = {
        Path(str(s)).name[15:23]: set(np.flatnonzero(a)) for s, a in zip(images.sources, images.answers, strict=True)
    }
    assert found == {"00000001": {3, 5}, "00000003": {1}, "00000004": {2, 7, 900}}
    labels = {Path(s).name[15:23]: KNOWN.index(name) for s, name in truth(images).items()}
    kept = {
        "flat": {"00000001": 3, "00000003": 1, "00000004": 2},
        "folders": {"00000001": 3, "00000003": 1, "00000004": 7},
    }
    assert labels == kept[layout]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("make", "query", "message"),
    [
        (lambda t: t / "absent", "", r"imagenet needs a folder, got .*: write imagenet:FOLDER"),
        (lambda t: (t / "empty").mkdir() or t / "empty", "", "holds no images: give the folder"),
        (lambda t: by_wnid(t / "up" / "val", A).parent, "", "holds val/n.*: give the folder whose sub-folders"),
        (lambda t: draw(by_wnid(t / "x", A) / "a.png", 1) or t / "x", "", "holds a.png, n.*: give the folder"),
        (lambda t: by_wnid(t / "x", ["cat", "dog"]), "", "has a folder 'cat', wanted folders named by wnid"),
        (lambda t: by_wnid(t / "x", ["n00000001"]), "", "n00000001 is none of the 1000 classes .* as a plain folder"),
        (lambda t: by_wnid(t / "x", ["0", "1000"]), "", "class folder 1000: the classes of V2 are numbered 0 to 999"),
        (lambda t: by_wnid(t / "x", ["0", KNOWN[0]]), "", "has a folder '0', wanted folders named by wnid"),
        (lambda t: flat(t / "x"), "", "holds images without class folders: give labels=FILE"),
        (lambda t: draw(t / "x" / "cat.png", 1) or t / "x", "?real=r", "cat.png is not named as the validation images"),
        (
            lambda t: by_wnid(t / "x", A),
            "?labels=val_map.txt",
            "has class folders, which say the labels: leave labels=",
        ),
        (lambda t: by_wnid(t / "x", A), "?real=r&like=a", "real and like cannot be joined"),
        (lambda t: by_wnid(t / "x", A), "?like=nowhere", "like=nowhere is no folder"),
        (lambda t: flat(t / "x"), "?labels=absent.txt", "cannot read absent.txt: No such file"),
        (lambda t: flat(t / "x"), "?real=absent.json", "cannot read absent.json: No such file"),
    ],
)
def test_hostile_layouts(tmp_path, make, query, message):
    with pytest.raises(ValueError, match=message):
        opened(make(tmp_path), query)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ILSVRC2012_val_00000001.JPEG n99999999", "names no class of ILSVRC 2012; wanted lines such as"),
        ("ILSVRC2012_val_00000001.JPEG 1000", "names no class"),
        ("ILSVRC2012_val_00000001.JPEG", "names no class"),
        ("<script>", "'<script>' names no class"),
        (
            f"ILSVRC2012_val_00000001.JPEG {KNOWN[0]}",
            "says nothing of 3 of 4 images, for example ILSVRC2012_val_00000002",
        ),
        ("", "says nothing of 4 of 4 images"),
    ],
)
def test_hostile_labels(tmp_path, text, message):
    place = write(tmp_path / "labels.txt", text)
    with pytest.raises(ValueError, match=message):
        opened(flat(tmp_path / "x"), f"?labels={place}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is not a list of label sets: give ReaL's real.json"),
        ("[]", "is not a list of label sets"),
        ("not json", "cannot read .*real.json: Expecting value.* give ReaL's real.json"),
        ("[[1], 2, [3], [4]]", "entry 2 is 2, wanted a list of class numbers from 0 to 999"),
        ("[[1], [1000], [3], [4]]", r"entry 2 is \[1000\], wanted a list of class numbers"),
        ("[[1], [true], [3], [4]]", r"entry 2 is \[True\], wanted a list"),
        ("[[1], [2], [3]]", "has labels for images 1 to 3, got an image number 4"),
    ],
)
def test_hostile_real(tmp_path, text, message):
    place = write(tmp_path / "real.json", text)
    with pytest.raises(ValueError, match=message):
        opened(flat(tmp_path / "x"), f"?real={place}")


def test_a_counterpart_that_lacks_classes(tmp_path):
    by_wnid(tmp_path / "a", A)
    with pytest.raises(ValueError, match=rf"has no images of some classes of .* \(1\), for example {A[2]}"):
        opened(by_wnid(tmp_path / "val", A[:2]), f"?like={tmp_path / 'a'}")
