"""Join timm's published tables into one wide table of scores: a row a model, a column a data set, and its family.

Run: python benchmarks/prepare_timm.py ../shared/data/timm work/timm.csv
"""

import sys
from pathlib import Path

import pandas as pd

SETS = {
    "val": "results-imagenet.csv",
    "real": "results-imagenet-real.csv",
    "v2": "results-imagenetv2-matched-frequency.csv",
    "sketch": "results-sketch.csv",
    "a": "results-imagenet-a.csv",
    "a-clean": "results-imagenet-a-clean.csv",
    "r": "results-imagenet-r.csv",
    "r-clean": "results-imagenet-r-clean.csv",
}


def main(source: Path, out: Path) -> None:
    """Models measured on every set at one image size each; of several rows of a model the largest size is kept.

    The family is the architecture's name up to the first underscore or digit: resnet50d and resnet101 are kin.
    """
    parts = []
    for name, file in SETS.items():
        table = pd.read_csv(source / file, usecols=["model", "top1", "img_size"])
        parts.append(table.drop_duplicates(["model", "img_size"]).set_index(["model", "img_size"])["top1"].rename(name))
    wide = pd.concat(parts, axis=1, join="inner").reset_index().sort_values(["model", "img_size"])
    wide = wide.drop_duplicates("model", keep="last").drop(columns="img_size")
    wide.insert(1, "family", wide["model"].str.extract(r"^([a-z]+)", expand=False))
    out.parent.mkdir(parents=True, exist_ok=True)
    wide.to_csv(out, index=False)
    print(f"{out}: {len(wide)} models of {wide['family'].nunique()} families, {', '.join(SETS)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
