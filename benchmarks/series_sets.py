"""Methods of series on sets of the UCR and UEA archives: a study a set, one table, the lottery over the sets.

Run: python benchmarks/series_sets.py ARCHIVE OUT GunPoint ArrowHead ... [--methods a,b] [--epochs 100] [--seeds 3]
ARCHIVE holds NAME/NAME_TRAIN.ts and NAME/NAME_TEST.ts, as aeon's wheel does in aeon/datasets/data. What is finished in
OUT is not done again. Windows are whole series; each set is judged on its own test part by the linear probe.
"""

import argparse
from pathlib import Path

import pandas as pd

import kogen

METHODS = "minirocket,supervised,byol,simclr,vicreg,ts2vec,simmtm,random"


def judge_set(archive: Path, name: str, out: Path, asked: argparse.Namespace) -> pd.DataFrame:
    """The values of a set's study, a row a model."""
    train, test = (str(archive / name / f"{name}_{part}.ts") for part in ("TRAIN", "TEST"))
    found = kogen.pilot(
        train,
        test=test,
        methods=tuple(asked.methods.split(",")),
        views=asked.views,
        epochs=asked.epochs,
        batch_size=16,
        seeds=asked.seeds,
        out=out / name,
    )
    kept = ("model", "value", "lo", "hi", "n")
    rows = [{key: row[key] for key in kept} for row in found["values"] if row["dataset"] == found["reference"]]
    return pd.DataFrame(rows).assign(dataset=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--views", default="process")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    rows = pd.concat([judge_set(asked.archive, name, asked.out, asked) for name in asked.names], ignore_index=True)
    rows.to_csv(asked.out / "values.csv", index=False)
    numbers = zip(rows["value"], rows["lo"], rows["hi"], strict=True)
    shown = rows.assign(text=[f"{value:.1f} ({lo:.1f}-{hi:.1f})" for value, lo, hi in numbers])
    print(shown.pivot(index="model", columns="dataset", values="text")[asked.names].to_string())
    if len(asked.names) > 2:
        scores = rows.rename(columns={"value": "score"})[["model", "dataset", "score", "n"]]
        scores.to_csv(asked.out / "scores.csv", index=False)
        told = kogen.lottery(asked.out / "scores.csv", reference=asked.names[0], out=asked.out / "lottery")
        print("\n".join(told["words"]))


if __name__ == "__main__":
    main()
