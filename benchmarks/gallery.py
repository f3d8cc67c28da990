"""The pictures of docs/gallery.md: its commands are run, and the pages that they write are opened in a browser.

Run: python benchmarks/gallery.py TIMM [FOLDER]    TIMM: the folder `results` of timm's repository
"""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HOME = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HOME / "tests" / "helpers"))

import browser  # noqa: E402
import tutorials  # noqa: E402

PAGES = {
    "study": "study/report.html",
    "study-ja": "study-ja/report.html",
    "lottery": "lottery/report.html",
    "landscape": "landscape/landscape.html",
    "audit": "study/audit.html",
}
WIDTH, HEIGHT, COLOURS = 1000, 900, 128


def main(timm: Path, folder: Path) -> None:
    """Run what is not there yet in `folder`, and write docs/pictures/."""
    os.environ["TIMM"] = str(timm.resolve())
    os.chdir(folder)
    for page, made in (("gallery.md", "study/audit.html"), ("tutorials/landscape.md", "landscape")):
        if not Path(made).exists():
            tutorials.run_page(HOME / "docs" / page)
    found = browser.find()
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=list(browser.FLAGS))
        for name, place in PAGES.items():
            take_picture(chromium, folder / place, HOME / "docs" / "pictures" / f"{name}.png")
        chromium.close()


def take_picture(chromium: Browser, file: Path, picture: Path) -> None:
    """The first screen of a page, as a small PNG."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto(file.resolve().as_uri())
    page.wait_for_timeout(2000)  # figures are drawn by a script
    page.screenshot(path=picture)
    page.close()
    with Image.open(picture) as taken:
        small = taken.convert("RGB").quantize(COLOURS)
    small.save(picture, optimize=True)
    print(picture, f"{picture.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()).resolve())
