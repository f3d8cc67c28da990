"""Train two networks, draw the loss around their weights, and export one for use without kogen.

Run: python examples/landscape.py [FOLDER]
"""

import sys
from pathlib import Path

import kogen

IMAGES = "surfaces?n=96&size=16"


def main(folder: Path) -> None:
    runs = []
    for method in ("simclr", "byol"):
        runs.append(folder / method)
        kogen.pretrain(
            IMAGES, method=method, backbone="tiny?width=8", image_size=16, epochs=2, batch_size=32, out=runs[-1]
        )
    found = kogen.landscape(
        runs, data=IMAGES, images=32, few=16, batch_size=16, planes=2, steps=3, sharp=16, out=folder / "landscape"
    )
    print(*(run["model"] for run in found["runs"]), folder / "landscape" / "landscape.html")
    print(kogen.export(runs[0], out=folder / "simclr.safetensors"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/example"))
