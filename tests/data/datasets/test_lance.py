"""Opening a packed set: what kogen did not write, what was changed, cut or damaged, and what does not fit."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from packs import known_set, pack, reopen, settings, table_set
from small import blobs

from kogen.data.levels import Levels
from kogen.data.open import open_images
from kogen.data.packed_facts import METADATA

lance = pytest.importorskip("lance")


@pytest.fixture
def place(tmp_path):
    return pack(known_set(), tmp_path)


def data_files(place: str) -> list[Path]:
    return sorted(Path(place, "data").iterdir())


def copy_with(place: str, tmp_path: Path, change) -> str:
    """A copy of a packed set that `change` made another table of."""
    table = change(lance.dataset(place).to_table())
    lance.write_dataset(table, tmp_path / "other.lance", mode="create")
    return str(tmp_path / "other.lance")


def with_metadata(table, **changes):
    said = json.loads(table.schema.metadata[METADATA]) | changes
    return table.replace_schema_metadata({METADATA: json.dumps(said)})


def test_a_foreign_data_set_is_refused_with_its_columns(tmp_path):
    lance.write_dataset(pa.table({"image": ["a"], "text": ["b"]}), tmp_path / "a.lance")
    with pytest.raises(ValueError, match=r"a.lance is a Lance data set that kogen did not write .image, text."):
        reopen(str(tmp_path / "a.lance"), tmp_path)


def test_a_folder_that_is_called_so_and_is_none_is_refused(tmp_path):
    (tmp_path / "a.lance").mkdir()
    with pytest.raises(ValueError, match=r"a.lance cannot be read .Dataset at path .* was not found"):
        reopen(str(tmp_path / "a.lance"), tmp_path)
    with pytest.raises(ValueError, match=r"no such path and no such data source: 'b.lance'"):
        open_images("b.lance")
    with pytest.raises(ValueError, match=r"lance needs its data set: write NAME.lance, or s3://BUCKET/NAME.lance"):
        open_images("lance")


def test_a_packed_set_of_another_name_and_by_its_kind_is_one_too(place, tmp_path):
    shutil.move(place, tmp_path / "packed")
    assert reopen(str(tmp_path / "packed"), tmp_path).digest == known_set().digest
    assert reopen(f"lance:{tmp_path / 'packed'}", tmp_path).name == "packed"


def test_an_address_in_a_store_is_given_to_lance_as_it_is_meant(monkeypatch):
    asked = []

    def dataset(place, version=None):
        asked.append(place)
        raise OSError("no network")

    monkeypatch.setattr(lance, "dataset", dataset)
    for text in ("s3://bucket/a.lance", Path("s3://bucket/a.lance"), "s3://bucket/a.lance?split=test"):
        with pytest.raises(ValueError, match=r"s3://bucket/a.lance cannot be read .no network."):
            open_images(text)
    assert asked == ["s3://bucket/a.lance"] * 3


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda t: with_metadata(t, format=7), "was packed in format 7, and this version of kogen reads 1: use the"),
        (lambda t: t.replace_schema_metadata({METADATA: b"{"}), "is damaged .what it says of itself does not make"),
        (lambda t: t.replace_schema_metadata({METADATA: b"[]"}), "is damaged .what it says of itself does not make"),
        (lambda t: with_metadata(t, more=1), "is damaged .what it says of itself does not make sense"),
        (lambda t: with_metadata(t, height=1 << 19, width=1 << 19), "says that its images are absurdly large"),
        (lambda t: with_metadata(t, height=17), "the column 'pixels' of .* holds fixed_size_binary.768., wanted fixed"),
        (lambda t: with_metadata(t, classes=["a", "b", "d", "c"]), "was changed since it was packed .its seal"),
        (lambda t: t.drop_columns(["label"]), "lacks the column 'label': pack the images again"),
        (lambda t: t.drop_columns(["pixels"]), "lacks the column 'pixels'"),
        (lambda t: t.set_column(1, "source", pa.array(range(20))), "the column 'source' of .* holds int64, wanted str"),
        (lambda t: t.set_column(1, "source", pa.array([None] * 20, pa.string())), "'source' of .* has empty cells"),
        (lambda t: t.set_column(2, "label", pa.array([0] * 20)), "was changed since it was packed .its seal"),
        (lambda t: t.set_column(2, "label", pa.array([99] * 20)), "was changed since it was packed .its seal"),
        (lambda t: t.slice(1), "has 19 rows, and 20 were packed"),
        (lambda t: pa.concat_tables([t, t]), "has 40 rows, and 20 were packed"),
        (lambda t: t.take([1, 0, *range(2, 20)]), "was changed since it was packed .its seal"),
    ],
)
def test_what_is_not_what_was_packed_is_refused(place, tmp_path, change, wanted):
    with pytest.raises(ValueError, match=wanted) as refused:
        reopen(copy_with(place, tmp_path, change), tmp_path)
    assert str(tmp_path / "other.lance") in str(refused.value)


def test_a_set_that_another_program_changed_is_refused(place, tmp_path):
    lance.dataset(place).delete("label = 1")
    with pytest.raises(ValueError, match=r"set.lance has \d+ rows, and 20 were packed"):
        reopen(place, tmp_path)


def test_a_cut_file_of_rows_is_refused(place, tmp_path):
    (file,) = data_files(place)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"set.lance cannot be read .*: pack the images again"):
        reopen(place, tmp_path)
    file.unlink()
    with pytest.raises(ValueError, match=r"set.lance cannot be read .*: pack the images again"):
        reopen(place, tmp_path)


def test_a_damaged_image_is_named_when_it_is_read_and_the_others_are_not(place, tmp_path):
    images, (file,) = known_set(), data_files(place)
    content = bytearray(file.read_bytes())
    begin = content.index(np.asarray(images.pixels[7]).tobytes())
    content[begin + 5] ^= 1
    file.write_bytes(content)
    opened = reopen(place, tmp_path)
    np.testing.assert_array_equal(opened.fetch(np.arange(7)), images.fetch(np.arange(7)))
    with pytest.raises(ValueError, match=r"row 7 of .*set.lance is damaged .its checksum does not fit.: pack it again"):
        opened.fetch(np.array([9, 7, 3]))


def test_rows_in_files_outside_of_the_set_are_not_read(place, tmp_path):
    (file,) = data_files(place)
    schema = lance.dataset(place).schema
    shutil.copy(file, tmp_path / "stolen.lance")
    fragment = lance.dataset(place).get_fragments()[0].metadata
    fragment.files[0]._path = "../../stolen.lance"
    lance.LanceDataset.commit(tmp_path / "evil.lance", lance.LanceOperation.Overwrite(schema, [fragment]))
    with pytest.raises(ValueError, match=r"evil.lance cannot be read .its rows lie in '../../stolen.lance', outside"):
        reopen(str(tmp_path / "evil.lance"), tmp_path)


def test_pixels_of_another_size_than_the_source_would_give_are_refused(tmp_path):
    images = open_images(table_set(tmp_path), settings(tmp_path, 200))
    place = pack(images, tmp_path, side=200)
    wanted = r"set.lance holds pixels of 200 x 200, and this image size wants 128 x 128: pack the images again with the"
    with pytest.raises(ValueError, match=wanted):
        reopen(place, tmp_path, 128)
    with pytest.raises(ValueError, match="wants 310 x 310"):  # the largest side of all images
        reopen(place, tmp_path, 400)
    for side in (128, 300):
        other = open_images(tmp_path / "table.csv", settings(tmp_path, side))
        assert (other.pixels.shape[2:] == (200, 200)) == (side == 200)


@pytest.mark.parametrize(
    ("size", "packed", "asked"), [(16, 128, 300), (128, 128, 64), (150, 200, 300), (150, 150, 200)]
)
def test_images_that_are_kept_as_they_are_fit_every_larger_size(tmp_path, size, packed, asked):
    images = blobs(5, size=size)
    opened = reopen(pack(images, tmp_path, side=packed), tmp_path, asked)
    assert opened.pixels.shape == images.pixels.shape
    if size > 128:
        with pytest.raises(ValueError, match="and this image size wants 140 x 140"):
            reopen(str(tmp_path / "set.lance"), tmp_path, 140)


def test_another_depth_and_too_many_bad_files_are_refused(tmp_path):
    place, how = pack(known_set(deep=True), tmp_path), settings(tmp_path)
    assert open_images(place, replace(how, levels=Levels(0.0, 4095.0))).levels == Levels(0.0, 4095.0)
    with pytest.raises(ValueError, match=r"set.lance was packed at depth 12, and 10 is asked for: .* with --depth 10"):
        open_images(place, replace(how, levels=Levels(0.0, 1023.0)))
    with pytest.raises(ValueError, match=r"1 of 21 images of .*set.lance could not be used .* example x.png: no image"):
        open_images(place, replace(how, max_bad=0.01))


def test_labels_beside_are_not_taken(place, tmp_path):
    with pytest.raises(ValueError, match="the data source 'lance' has no setting 'labels'"):
        reopen(place, tmp_path, labels="a.csv")


ATTACK = """
import sys
from pathlib import Path
sys.path[:0] = {paths}
from packs import known_set, reopen
import numpy as np
images = known_set(60)
try:
    opened = reopen({place!r}, Path({folder!r}))
    same = np.array_equal(opened.fetch(np.arange(60)), images.fetch(np.arange(60))) and opened.digest == images.digest
    sys.exit(0 if same else 9)
except ValueError as error:
    sys.exit(0 if {place!r} in str(error) else 8)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_damaged_bytes_are_a_sentence_or_do_not_matter(tmp_path, seed):
    """Each in a process of its own: nothing ends it but itself, and what opens is what was packed."""
    place, rng = pack(known_set(60), tmp_path), random.Random(seed)
    file = rng.choice([path for path in sorted(Path(place).rglob("*")) if path.is_file()])
    content = bytearray(file.read_bytes())
    for _ in range(3):
        content[rng.randrange(max(0, len(content) - 3000), len(content))] = rng.randrange(256)
    file.write_bytes(content if seed % 3 else content[: rng.randrange(len(content))])
    code = ATTACK.format(paths=sys.path, place=place, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (file, done.stderr[-1000:])
