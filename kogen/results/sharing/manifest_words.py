"""The manifest in words: what a bundle gives away, what not, and how to look for oneself."""

from kogen.results.sharing.bundle_format import PREDICTIONS, RUNS, TRAINING
from kogen.results.sharing.manifest import Manifest

INSIDE = {
    PREDICTIONS: "one row an image, probe and run: what the model answered, whether it was right, how sure it was",
    TRAINING: "one row an epoch and term of the loss: its value, the speed, how spread the features were",
    RUNS: "one row a training: method, network, epochs, rates, versions of libraries, minutes",
}
CODED = """Names are coded: sets are `set 1`, classes `class 1`, groups `group 1`, models of the team's own `model A`;
their order says nothing. Methods, probes, networks and metrics of kogen and timm have their names."""
KEPT = """Names of sets, classes, groups and models are as the team wrote them (`--keep-names`)."""
HASHED = """Ids of images and of their clusters (lots, parts, days) are hashed with a random salt that was thrown away:
nobody can tell which image a row is of, nor join this bundle with another."""
LEFT_OUT = """* pictures, pixels, features and weights
* paths, names of files, folders and columns, tables of labels, sources
* content ids of images, digests of sets, ids of runs
* prices, notes, skipped files and their names, code of the team's own
* names of the user, the machine and the study"""
STILL = """Numbers remain, and whoever knows the data well may recognise them: how many images, classes, groups and
clusters there are, how often each class comes, how well each method does, how long training took."""
CHECK = """Open the zip and look: `manifest.json` is text, the tables open with
`python -c "import pandas; print(pandas.read_parquet('predictions.parquet'))"`. Before it was written, every cell was
held to the shapes that codes and kogen's own words have, and every byte was searched for the texts of the study (of 6
bytes or more, whole and in words; those that kogen writes in any bundle, such as `reference`, in cells alone)."""


def manifest_words(manifest: Manifest) -> str:
    """The text of MANIFEST.md."""
    question, kept = manifest.question, manifest.keeps_names
    tables = [f"* `{name}`, {manifest.tables[name].rows:,} rows: {INSIDE[name]}" for name in INSIDE]
    classes = max((len(one.classes) for one in manifest.sets), default=0)
    sets = [f"* {one.name} ({one.role}): {one.images:,} images, {one.labelled:,} labelled" for one in manifest.sets]
    asked = f"Task {question.task}, probes {', '.join(question.probes)}, margin {question.margin:g}, {classes} classes."
    paragraphs = [
        "# A study, shared as tables",
        f"Written by kogen {manifest.kogen}, format {manifest.format}. {asked}",
        "## Inside",
        "\n".join([*tables, *sets]),
        "\n".join([KEPT if kept else CODED, HASHED]),
        "## Left out",
        LEFT_OUT,
        "## What it still tells",
        STILL,
        "## How to check it",
        CHECK,
    ]
    return "\n\n".join(paragraphs) + "\n"
