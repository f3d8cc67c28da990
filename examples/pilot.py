"""From images to a verdict: two methods and the untrained network on drawn surfaces, in about a minute.

Run: python examples/pilot.py [FOLDER]
"""

import sys
from pathlib import Path

import kogen


def main(folder: Path) -> None:
    verdict = kogen.pilot(
        "surfaces?n=96&size=16",
        methods=("simclr", "supervised", "random"),
        shifts={"night": "surfaces:night?n=96&size=16&split=test"},
        backbone="tiny?width=8",
        image_size=16,
        epochs=3,
        batch_size=32,
        seeds=2,
        out=folder / "study",
    )
    print(*verdict["words"], sep="\n")
    print(folder / "study" / "report.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/example"))
