"""Only a table of scores: is the lead real, does it hold on the other sets, what is the safe bet?

Run: python examples/lottery.py [FOLDER]
"""

import sys
from pathlib import Path

import pandas as pd

import kogen

SCORES = pd.DataFrame(
    {
        "model": ["byol", "dino", "mae", "moco_v3", "simclr", "swav"],
        "val": [74.3, 75.3, 68.0, 74.6, 69.3, 75.2],
        "line2": [61.0, 64.2, 52.1, 63.0, 57.7, 60.4],
        "night": [55.2, 54.8, 49.9, 56.1, 50.3, 52.6],
    }
)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    SCORES.to_csv(folder / "scores.csv", index=False)
    sizes = {"val": 5000, "line2": 2000, "night": 2000}
    summary = kogen.lottery(folder / "scores.csv", reference="val", n=sizes, out=folder / "lottery")
    print(*summary["words"], sep="\n")
    print(folder / "lottery" / "report.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/example"))
