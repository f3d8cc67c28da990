"""Small trees of images with defects and their masks, as MVTec AD and VisA have them."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_part(seed: int, defect: bool, side: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A gray part (side, side) uint8 with a fine pattern, and its mask: a bright square where it has a defect."""
    rng = np.random.default_rng(seed)
    pixels = 100 + 20 * (np.arange(side) // 4 % 2)[None, :] + rng.integers(0, 16, (side, side))
    mask = np.zeros((side, side), bool)
    if defect:
        y, x = rng.integers(2, side - 12, 2)
        mask[y : y + 9, x : x + 9] = True
        pixels[mask] = 230
    return pixels.astype(np.uint8), mask


def save(place: Path, pixels: np.ndarray) -> None:
    """Write an image or a mask."""
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8) * (255 if pixels.dtype == bool else 1)).save(place)


def write_mvtec(root: Path, *, good: int = 20, bad: int = 6, test_good: int = 6, side: int = 40) -> Path:
    """An object as MVTec AD has it, with two kinds of defects."""
    for number in range(good):
        save(root / f"train/good/{number:03}.png", draw_part(number, False, side)[0])
    for number in range(test_good):
        save(root / f"test/good/{number:03}.png", draw_part(1000 + number, False, side)[0])
    for number in range(bad):
        kind = ("hole", "stain")[number % 2]
        pixels, mask = draw_part(2000 + number, True, side)
        save(root / f"test/{kind}/{number:03}.png", pixels)
        save(root / f"ground_truth/{kind}/{number:03}_mask.png", mask)
    return root


def write_visa(root: Path, objects: tuple[str, ...] = ("candle", "fryum"), *, good: int = 8, bad: int = 3) -> Path:
    """VisA's folder of several objects with its split csv."""
    lines = ["object,split,label,image,mask"]
    for name in objects:
        for number in range(2 * good):
            image = f"{name}/Data/Images/Normal/{number:04}.JPG"
            save(root / image, draw_part(number, False)[0])
            lines.append(f"{name},{'train' if number < good else 'test'},normal,{image},")
        for number in range(bad):
            image, mask = f"{name}/Data/Images/Anomaly/{number:03}.JPG", f"{name}/Data/Masks/Anomaly/{number:03}.png"
            pixels, marked = draw_part(3000 + number, True)
            save(root / image, pixels)
            save(root / mask, marked.astype(np.uint8) * 3)  # VisA writes the number of the kind
            lines.append(f"{name},test,anomaly,{image},{mask}")
    (root / "split_csv").mkdir(parents=True)
    (root / "split_csv/1cls.csv").write_text("\n".join(lines) + "\n")
    return root
