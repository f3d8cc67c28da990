"""Write CIFAR-10's training images with labels for the first 10,000 only: many images, few labels.

Run: python benchmarks/prepare_cifar10.py ../shared/data/cifar10/cifar10_jpeg_train.npz work/cifar10_10k_labels.npz
"""

import sys
from pathlib import Path

import numpy as np


def main(source: Path, out: Path, labelled: int = 10_000) -> None:
    with np.load(source, allow_pickle=False) as file:
        arrays = dict(file)
    labels = arrays["labels"].astype(np.int64)
    labels[labelled:] = -1
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **(arrays | {"labels": labels}))
    print(f"{out}: {len(labels)} images, {labelled} labelled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
