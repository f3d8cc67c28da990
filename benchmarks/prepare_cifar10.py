"""Write CIFAR-10's training images with labels for the first 10,000 only: many images, few labels.

Run: python benchmarks/prepare_cifar10.py ../shared/data/cifar10/cifar10_jpeg_train.npz work/cifar10_10k_labels.npz
A third word, such as 12500, keeps only so many images, the first ones.
"""

import sys
from pathlib import Path

import numpy as np


def main(source: Path, out: Path, images: int = 50_000, labelled: int = 10_000) -> None:
    with np.load(source, allow_pickle=False) as file:
        arrays = dict(file)
    offsets = arrays["offsets"][: images + 1]
    labels = arrays["labels"][:images].astype(np.int64)
    labels[labelled:] = -1
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **(arrays | {"jpeg": arrays["jpeg"][: offsets[-1]], "offsets": offsets, "labels": labels}))
    print(f"{out}: {len(labels)} images, {min(labelled, len(labels))} labelled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
