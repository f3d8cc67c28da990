"""Labels needed: what each method loses with part of the labels, at each site that tried."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kogen.results.answers.label_curves import budget_labels, label_curves
from kogen.results.pooling.pooled_study import PooledStudy, read_rows

COLUMNS = ["site", "model", "budget", "labels", "all_labels", "gain", "loss", "draws", "seeds"]


def label_losses(studies: Sequence[PooledStudy]) -> Any:
    """How far each budget of labels is behind all labels (`loss`, of the gain), by study, method and budget."""
    rows: list[dict[str, Any]] = []
    curves: Any
    for study in studies:
        manifest = study.bundle.manifest
        if not manifest.budgets or study.train is None:
            continue
        sizes = budget_labels(
            {
                "budgets": [{"budget": one.budget, "labels": one.labels} for one in manifest.budgets],
                "sets": [{"name": "train", "labelled": study.train.labelled}],
            }
        )
        frame = read_rows(study.bundle, study.protocol, parts=True)
        frame = frame[frame["model"].isin(study.matrix.models)]
        known = frame["budget"].isna() | frame["budget"].isin([name for name in sizes if name])
        curves, _ = label_curves(frame[known], study.facts, sizes)
        for model, part in curves.groupby("model", sort=True):
            whole: Any = part[part["budget"] == ""]
            if whole.empty:
                continue
            full, most = float(whole["gain"].iloc[0]), float(whole["labels"].iloc[0])
            for row in part.to_dict("records"):
                told = {name: row[name] for name in ("budget", "labels", "gain", "draws", "seeds")}
                about = {"site": study.name, "model": str(model), "all_labels": most, "loss": full - row["gain"]}
                rows.append(about | told)
    return pd.DataFrame(rows, columns=COLUMNS)
