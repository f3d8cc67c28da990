"""Prints the path of a Chromium that can open the report: playwright's own or one on the PATH; exits 1 if none."""

import shutil
import sys
from pathlib import Path

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Path of a usable Chromium, or None."""
    return own() or next((path for path in map(shutil.which, NAMES) if path), None)


def own() -> str | None:
    """Path of the Chromium that playwright installed, or None."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as play:
        path = play.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    found = find()
    print(found or "no Chromium found", file=sys.stdout if found else sys.stderr)
    sys.exit(0 if found else 1)
