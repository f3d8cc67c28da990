"""The model card: what a model is, how its images are made, how well it was judged, and what is not known of it."""

from pathlib import Path
from typing import Any

from kogen.common.files import read_json
from kogen.common.outputs import STAMP
from kogen.common.protocols import layers_tuned
from kogen.common.speech.console import printable
from kogen.handover.exported_model import ExportedModel, Origin
from kogen.handover.fitted_model import FittedModel, study_folder
from kogen.results.asked import VERDICT

STEPS = """\
1. Decode; turn upright; transparency on white; {channels}.{levels}
2. Images of one size up to {kept} px stay as they are. Others become a square of {side} px, or of the largest side
   among them if that is less: Pillow's `resize((side, side), BICUBIC, reducing_gap=3.0)`, without cropping.
3. The whole image becomes {size} x {size} px: bicubic with antialiasing (a = -0.5), as
   `torch.nn.functional.interpolate(pixels, ({size}, {size}), mode="bicubic", antialias=True)` does on whole numbers;
   on a GPU, of images under 4,096 pixels, and of 16 bits it is computed in float32 and not rounded.
4. `(pixels / {most} - mean) / std` with mean {mean} and std {std}."""
ONNX_NOTE = (
    "This file holds step 4, the network and the head. **Steps 1 to 3 come before it**: its input `pixels` is "
    "{pixels} (N, {size}, {size}, {channels}), what step 3 gives, from 0 to {most}{rounded}; its outputs "
    "are `probability` (N, {classes}) and `features`. ONNX has no operation that resizes exactly as steps 2 "
    "and 3 do. `kogen predict` does all steps."
)


def preprocessing_lines(model: ExportedModel) -> list[str]:
    """Mean, std, size and resize of a model, a line each, for the screen."""
    network, side = model.network, model.origin.stored_side
    return [
        f"mean {list(network.mean)}, std {list(network.std)}, {network.channels} channels of {model.origin.bits} bits",
        f"size {network.input_size} x {network.input_size}, {network.resize}; before that, images of more than one "
        f"size or above {max(side, 128)} px to a square of at most {side} px (Pillow, bicubic)",
    ]


def write_card(model: ExportedModel, fitted: FittedModel, run: Path, onnx: bool, checks: list[str]) -> str:
    """The card as markdown; what the study's verdict says is in it where there is a verdict."""
    study = study_folder(run)
    verdict = read_json(study / VERDICT) if study and (study / VERDICT).exists() else None
    origin, network = model.origin, model.network
    values = values_of(origin, verdict) if verdict else []
    counts = fitted.train.quality()["classes"]
    part = f", pre-trained on {origin.pool} of the images" if origin.pool else ""
    learnt = "that its layers learnt from too" if layers_tuned(origin.head) else "on its frozen features"
    parts = [
        f"<!-- {STAMP} -->\n# {plain(origin.title)}, run {origin.run}\n",
        f"`{plain(network.architecture)}`, trained by {plain(network.framework)} (seed {origin.seed}){part}, "
        f"with a head ({origin.head}) of {origin.labelled:,} labels {learnt}. {len(network.classes)} classes: "
        + ", ".join(f"{plain(name)} ({counts[name]:,})" for name in network.classes)
        + ".\n\n## What the study says\n",
        study_text(origin, verdict, values),
        "\n## Preprocessing\n",
        preprocessing_text(model, onnx),
        "\n## Checked when it was written\n",
        *[f"* {plain(line)}" for line in checks],
        "\n## Intended use\n",
        "Images from the camera, the line and the light that it was judged on, to be sorted into the classes above. "
        "Every image gets one of these classes, also what belongs to none. A person looks at what is costly.\n",
        "## Limits\n",
        *[f"* {plain(line)}" for line in limits(origin, verdict, values)],
        "\n## Where it comes from\n",
        f"* images that the network saw: digest `{origin.images}`",
        f"* images and labels of the head: digest `{origin.labels}`",
        *[f"* {plain(name)} {plain(value)}" for name, value in {**origin.versions, **origin.chosen}.items()],
    ]
    return "\n".join(parts) + "\n"


def preprocessing_text(model: ExportedModel, onnx: bool) -> str:
    """The steps from a file to what the network sees."""
    network, origin, gray = model.network, model.origin, model.network.channels == 1
    said = {
        "channels": "gray stays one channel" if gray else f"{network.channels} channels, gray is repeated",
        "levels": f" Black and white of 16 bits: {origin.depth}." if origin.depth else "",
        "kept": max(origin.stored_side, 128),
        "side": origin.stored_side,
        "size": network.input_size,
        "most": 2**origin.bits - 1,
        "mean": list(network.mean),
        "std": list(network.std),
    }
    rounded = "" if origin.pixels == "uint8" else " and not rounded"
    numbers: dict[str, Any] = {
        "pixels": origin.pixels,
        "rounded": rounded,
        "channels": network.channels,
        "classes": len(network.classes),
    }
    note = ONNX_NOTE.format(**(said | numbers))
    return STEPS.format(**said) + (f"\n\n{note}" if onnx else "\n\n`kogen predict` does all steps.")


def values_of(origin: Origin, verdict: Any) -> list[dict[str, Any]]:
    """The rows of the table of a card: how the model, by this head and of its part of the images, did on each set.

    The verdict has runs on all images by every protocol, and runs on parts of them by the protocol that decides.
    """
    metric, main = verdict["metric"]["name"], verdict["protocol"]
    whole = [row for row in verdict["metrics"] if (row["protocol"], row["metric"]) == (origin.head, metric)]
    if not origin.pool:
        return [row for row in whole if row["model"] == origin.name]
    shared = {row["dataset"]: {"n": row["n"], "floor": row["floor"]} for row in whole}  # the same for every model
    parts = (verdict.get("pools") or {"values": []})["values"] if origin.head == main else []
    mine = [row for row in parts if (row["model"], row["pool"]) == (origin.name, origin.pool)]
    return [row | shared[row["dataset"]] for row in mine]


def study_text(origin: Origin, verdict: Any, rows: list[dict[str, Any]]) -> str:
    """The first sentence of the verdict, and how this model did on each set: `rows` of `values_of`."""
    if verdict is None:
        return "Nothing: this run was not judged in a study, so nobody knows how good it is."
    if not rows:
        return (
            f"Nothing of this model: it was not judged. The study's verdict has no values of {plain(origin.title)} "
            f"with the head {origin.head}, and those of other networks and heads say little about it."
        )
    metric, words, main = verdict["metric"]["name"], verdict.get("words") or [""], verdict["protocol"]
    lines = [f"> {plain(words[0])}\n"]
    if origin.pool or origin.head != main:
        lines.append(
            f"That is said of networks of all images, judged by {main}. The values below are those of "
            f"{plain(origin.title)}, judged by {origin.head}.\n"
        )
    lines.append(f"| set | role | images | {plain(metric)} | 95 % | a constant answer |")
    lines.append("|---|---|--:|--:|--:|--:|")
    for row in rows:
        place = f"{plain(row['dataset'])} | {plain(verdict['roles'].get(row['dataset'], ''))}"
        between = "none" if row["lo"] is None else f"{number(row['lo'])} to {number(row['hi'])}"
        lines.append(f"| {place} | {row['n']:,} | {number(row['value'])} | {between} | {number(row['floor'])} |")
    return "\n".join(lines)


def limits(origin: Origin, verdict: Any, rows: list[dict[str, Any]]) -> list[str]:
    """What is not known of a model, a sentence each."""
    if not rows:
        return ["No set, no shift and no floor was judged."]
    found = ["The intervals are for new images like those of each set, not for another product, camera or light."]
    shifts = [row["dataset"] for row in rows if verdict["roles"].get(row["dataset"]) == "shift"]
    judged = f"Judged on shifts: {', '.join(shifts)}." if shifts else "No shift was tried."
    judged = judged if len(rows) > 1 else "Judged on one set alone: no shift was tried."
    names = sets_at_floor(origin, verdict, rows)
    found += [judged, "Values are means over the seeds of its study; this file is one of them."]
    return found + ([f"Not clearly above a constant answer on {', '.join(names)}."] if names else [])


def sets_at_floor(origin: Origin, verdict: Any, rows: list[dict[str, Any]]) -> list[str]:
    """The sets on which the model is not clearly above a constant answer.

    The verdict compares image by image where it has this model, else the end of the interval must lie above the floor.
    """
    if not origin.pool and origin.head == verdict["protocol"]:
        return [r["dataset"] for r in verdict.get("floors", []) if r["model"] == origin.name and not r["clear"]]
    sign, end = (1, "lo") if verdict["metric"]["higher_is_better"] else (-1, "hi")
    known = [row for row in rows if row["floor"] is not None]
    return [row["dataset"] for row in known if row[end] is None or sign * (row[end] - row["floor"]) <= 0]


def number(value: Any) -> str:
    """A number of a table; "none" where there is none."""
    return "none" if value is None else f"{value:.4g}"


def plain(text: Any) -> str:
    """A text of somebody else that stays in its cell and does nothing."""
    return printable(text).replace("\n", " ").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
