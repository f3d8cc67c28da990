"""What a landscape has beside losses: metrics over a plane, curvature of parts of a network, the whole spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.reporting.charts import Figure, axis, axis_title, dots, ink, label, layout, load_look, stroke, trace
from kogen.reporting.landscape import figures
from kogen.reporting.landscape.figures import SHADES, format_short, map_layout, on_plane, round_values
from kogen.reporting.landscape.parts import objective_rows
from kogen.reporting.words import say
from kogen.results.landscape_facts import RunFacts, name_run
from kogen.surface_fit.multilevel import multilevel_spline

SMOOTHING = 0.01  # of the width of a spectrum: standard deviation of the bell that each place becomes
DENSITY_POINTS, DENSITY_FLOOR = 400, 1e-6  # of a curve; a share of its largest value below which it is not shown
BLOCK_METRICS = ("lambda_max", "lambda_min", "trace")


@dataclass(frozen=True)
class BesideLoss:
    """What was measured beside the loss under one objective."""

    metrics: dict[str, dict[str, pd.DataFrame]]  # by name and model: the points of its first plane, `loss` the metric
    blocks: dict[str, list[dict[str, Any]]]  # by model: block, parameters, and (value, error) by metric
    spectrum: dict[str, pd.DataFrame]  # by model


def read_beside(folder: Path, objective: str) -> BesideLoss:
    """What the folder holds of it; of each model the first run."""
    tables = {name: objective_rows(folder, name, objective) for name in ("metrics", "blocks", "spectrum")}
    first = {name: first_runs(table) for name, table in tables.items()}
    metrics: dict[str, dict[str, pd.DataFrame]] = {}
    for model, rows in first["metrics"].items():
        kinds = rows["direction"].unique().tolist()
        chosen = pd.DataFrame(rows[rows["direction"] == ("random" if "random" in kinds else kinds[0])])
        chosen = pd.DataFrame(chosen[chosen["plane"] == chosen["plane"].min()])
        for name, one in chosen.groupby("metric", sort=True):
            metrics.setdefault(str(name), {})[model] = pd.DataFrame(one.rename(columns={"value": "loss"}))
    blocks = {model: block_rows(rows) for model, rows in first["blocks"].items()}
    return BesideLoss(metrics, blocks, first["spectrum"])


def first_runs(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each model's first run, by model."""
    if not len(table):
        return {}
    found = {}
    for model, rows in table.groupby("model", sort=True):
        found[str(model)] = pd.DataFrame(rows[rows["run"] == rows["run"].min()])
    return found


def block_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each block in the order of the network: its name, its parameters, its numbers as texts."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows.to_dict("records"):
        one = found.setdefault(str(row["block"]), {"block": row["block"], "parameters": int(row["parameters"])})
        value, error = (None if number is None else float(number) for number in (row["value"], row["error"]))
        known = value is not None and value == value
        one[str(row["metric"])] = f"{format_short(value)} ± {format_short(error)}" if known else "–"
    return list(found.values())


def draw_metric(rows: pd.DataFrame, model: str, metric: str, lang: str) -> Figure:
    """A metric over a plane, with its scale; over a line a curve with the points."""
    spline, alt = multilevel_spline(rows), say(lang, "l_a_metric", metric=metric, model=model)
    if len(spline.beta) == 1:
        alpha = np.linspace(spline.alpha[0], spline.alpha[-1], figures.PROFILE_POINTS)
        line = trace(round_values(alpha), round_values(spline(alpha, np.zeros(1))), line=stroke("accent", 2.5))
        seen = trace(
            round_values(spline.alpha), round_values(spline.values[:, 0]), mode="markers", marker=dots("ink", 5)
        )
        frame = layout(290, xaxis=axis(nticks=6, title=axis_title("α", color=ink("soft"))), yaxis=axis(nticks=6))
        return {"data": [line, seen], "layout": frame, "alt": alt}
    alpha, beta, values = figures.sample_plane(spline)
    tips = "α %{x:.2f}, β %{y:.2f}: %{z:.4g}<extra></extra>"
    shown = {"colorscale": SHADES, "colorbar": load_look()["colorbar"], "hovertemplate": tips}
    return {"data": [on_plane("heatmap", alpha, beta, values, **shown)], "layout": map_layout(alpha, beta), "alt": alt}


def draw_density(rows: pd.DataFrame, model: str, lang: str) -> Figure:
    """The density of a spectrum on a logarithmic scale: each place a narrow bell, the mean over the random vectors."""
    values, density = smooth_spectrum(rows)
    shown = np.where(density > DENSITY_FLOOR * density.max(), density, np.nan)
    across = axis(nticks=6, title=axis_title(say(lang, "l_x_eigenvalue"), color=ink("soft")))
    up = axis(
        nticks=5, type="log", exponentformat="power", title=axis_title(say(lang, "l_y_density"), color=ink("soft"))
    )
    tips = [label(model, 40)] * len(values)
    line = trace(round_values(values), round_values(shown), tips, line=stroke("accent", 2.5))
    frame = layout(290, margin={"b": 46}, xaxis=across, yaxis=up)
    return {"data": [line], "layout": frame, "alt": say(lang, "l_a_density", model=model)}


def draw_training(runs: Sequence[RunFacts], lang: str) -> Figure | None:
    """The mean loss of each epoch of the runs' trainings, a curve a run; None where none is known."""
    data = []
    for run in runs:
        losses = run.training.losses if run.training else []
        if len(losses) > 1:
            epochs, values = np.array(losses).T
            name = label(name_run(run.model, run.run_seed), 40)
            tips = [f"{name}, {epoch:g}: {format_short(value)}" for epoch, value in losses]
            data.append(trace(round_values(epochs), round_values(values), tips, line=stroke("mid", 1.75)))
    if not data:
        return None
    across = axis(nticks=6, title=axis_title(say(lang, "l_x_epoch"), color=ink("soft")))
    frame = layout(290, margin={"b": 46}, xaxis=across, yaxis=axis(nticks=5))
    return {"data": data, "layout": frame, "alt": say(lang, "l_a_training")}


def smooth_spectrum(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (T,) and their density (T,), whose integral is 1."""
    places, weights = rows["value"].to_numpy(), rows["weight"].to_numpy() / rows["draw"].nunique()
    width = max(float(np.ptp(places)), 1e-12 * max(1.0, float(np.abs(places).max())))
    bell = SMOOTHING * width
    values = np.linspace(places.min() - 4 * bell, places.max() + 4 * bell, DENSITY_POINTS)
    off = (values[:, None] - places[None, :]) / bell  # (T, N)
    return values, (np.exp(-0.5 * off**2) @ weights) / (bell * np.sqrt(2 * np.pi))
