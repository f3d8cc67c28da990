"""What a source reads on this disk: nothing may be written there."""

from pathlib import Path

import pytest

from kogen.data.cache_settings import CacheSettings
from kogen.data.open import open_images, source_paths


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("imgs", "real", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "1.png").touch()
    (tmp_path / "imgs" / "1.png").symlink_to(tmp_path / "real" / "1.png")
    (tmp_path / "t.csv").write_text("path,label\nimgs/1.png,a\n")
    (tmp_path / "t.txt").write_text("path,label\nreal/1.png,a\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("imgs", {"imgs", "real"}),
        ("val=imgs", {"imgs", "real"}),
        ("t.csv", {"t.csv", "imgs", "real"}),
        ("table:t.txt", {"t.txt", "real"}),
        ("imgs?labels=t.csv", {"imgs", "t.csv", "real"}),
        ("torchvision:ImageFolder?root=real", {"real"}),
        ("torchvision:ImageFolder?root='real'", {"real"}),
        ("imagenet:real?like='imgs'", {"real", "imgs"}),
        ("real/1.png?backbone=resnet18", {"real/1.png"}),
        ("surfaces?n=96", set()),
        ("a\0b", set()),
        ("nowhere", set()),
    ],
)
def test_paths_of_a_source(root: Path, source: str, wanted: set[str]):
    found = {path.resolve() for path in source_paths(source)}
    assert {(root / name).resolve() for name in wanted} <= found
    assert (root / "out").resolve() not in found


def test_links_to_folders_below_a_folder_and_circles(root: Path):
    (root / "deep").mkdir()
    (root / "deep" / "more").symlink_to(root / "imgs")
    (root / "deep" / "circle").symlink_to(root / "deep")
    assert {root / "imgs", root / "real"} <= {path.resolve() for path in source_paths("deep")}


@pytest.mark.parametrize("place", ["imgs", "imgs/cache", "imgs/a/b"])
def test_a_cache_among_the_images_is_refused(root: Path, place: str):
    with pytest.raises(ValueError, match="lies among the images imgs: set KOGEN_CACHE to another folder"):
        open_images("imgs", CacheSettings(cache=root / place))
    assert not (root / "imgs" / "cache").exists()
