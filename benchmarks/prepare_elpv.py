"""Unpack ELPV solar cells into a folder and write the tables of studies: mono.csv (train, test) and poly.csv; and
mono_anomaly.csv and poly_anomaly.csv, whose cells are surely good (defect probability 0) or surely not (1).

Run: python benchmarks/prepare_elpv.py ../shared/data/factory/factory_elpv128.zip work/elpv

A cell counts as defective from a defect probability of 2/3 on, as in Deitsch et al. 2019 (arXiv 1807.02894), where
labels of 1/3 and 2/3 are uncertain ones. Of the monocrystalline cells 70 % train and 30 % test, drawn per class from
seed 0; the polycrystalline cells are the second line, never trained on.
"""

import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd


def main(archive: Path, out: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(out)
    root = next(out.rglob("labels.csv")).parent
    cells = pd.read_csv(root / "labels.csv")
    cells["label"] = np.where(cells.defect_probability > 0.5, "defective", "functional")
    rng = np.random.default_rng(0)
    for kind, rows in cells.groupby("cell_type"):
        rows = rows[["path", "label"]].copy()
        if kind == "mono":
            rows["split"] = "train"
            for _, same in rows.groupby("label"):
                rows.loc[rng.choice(same.index, round(0.3 * len(same)), replace=False), "split"] = "test"
        sure = cells[(cells.cell_type == kind) & cells.defect_probability.isin([0, 1])]
        sure = sure.assign(label=np.where(sure.defect_probability == 0, "good", "defect"))[["path", "label"]]
        sure.to_csv(root / f"{kind}_anomaly.csv", index=False)
        print(f"{root / f'{kind}_anomaly.csv'}: {sure.label.value_counts().to_dict()}")
        rows.to_csv(root / f"{kind}.csv", index=False)
        print(f"{root / f'{kind}.csv'}: {rows.groupby([*rows.columns[2:], 'label']).size().to_dict()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
