"""The splits of a whole study: those of its runs, and of candidates that were added and see larger images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.images import Images
from kogen.study.plans import read_candidate
from kogen.study.splits import Splits, open_splits, storage_for


@dataclass(frozen=True)
class StudySplits:
    """The same images, stored at one size for each network that was there from the first, larger for later ones."""

    base: Splits
    larger: dict[str, Splits] = field(default_factory=dict)  # by name of a candidate

    def of(self, plan: Plan) -> Splits:
        """The splits that a run is trained and judged on."""
        return self.larger.get(plan.name, self.base)


def open_study_splits(study: Study, first: Study | None = None) -> StudySplits:
    """The splits of a study, its images stored large enough for the largest of the networks that it had at `first`.

    Stored sizes change pixels: they stay as they were for runs, and for those that join them. ValueError where the
    images that a later candidate needs larger do not come out as the same sets.
    """
    begun = first or study
    sizes = {name: read_candidate(name, file).image_size for name, file in study.candidates.items()}
    size = max([begun.image_size, *(sizes[name] for name in begun.candidates)])
    opened = {storage_for(size, 0).stored_side: open_at(study, size)}
    base = next(iter(opened.values()))
    larger: dict[str, Splits] = {}
    for name in sizes:
        side = storage_for(max(size, sizes[name]), 0).stored_side
        if side not in opened:
            opened[side] = open_at(study, sizes[name])
            check_same_images(opened[side], base, name, sizes[name])
        if opened[side] is not base:
            larger[name] = opened[side]
    return StudySplits(base, larger)


def open_at(study: Study, size: int) -> Splits:
    """The splits with images for networks that see `size` pixels; of a private study without the places of files."""
    sets = open_splits(study.model_copy(update={"image_size": size}))
    if not study.private:
        return sets
    sources = {name: (source, replace(images, root="")) for name, (source, images) in sets.sources.items()}
    return replace(sets, tests=without_places(sets.tests), sources=sources)


def without_places(sets: Mapping[str, Images]) -> dict[str, Images]:
    """The same sets without the places of their files, for tables that stay private."""
    return {name: replace(images, root="") for name, images in sets.items()}


def check_same_images(larger: Splits, base: Splits, name: str, size: int) -> None:
    """ValueError where sets that were stored larger for a candidate are no more the sets of the study."""
    pairs = {"the images to train on": (base.pool, larger.pool)}
    pairs |= {f"the set {title!r}": (images, larger.tests[title]) for title, images in base.tests.items()}
    for title, (old, new) in pairs.items():
        if old.digest != new.digest or (old.clusters != new.clusters).any():
            got = f"{name} sees {size} px, and stored for that {title} come out otherwise (other near copies are found)"
            raise ValueError(f"{got}: ask for the candidate from the first, with another --out")
