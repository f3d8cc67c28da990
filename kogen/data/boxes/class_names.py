"""Class names: what the classes of boxes may be called, whatever format they are written in."""

from collections.abc import Iterable

from kogen.data.labels import distinct_names
from kogen.data.listing import MAX_NAME_LETTERS

NO_BOX = "no box"  # the label of an image on which there is nothing to be found


def box_classes(names: Iterable[object], what: str) -> tuple[str, ...]:
    """The names of classes as text. ValueError where one stands twice, is too long, or is that of an image without."""
    found = distinct_names(names, what)
    for name in found:
        if not name.strip() or len(name) > MAX_NAME_LETTERS:
            kind = "too long a name" if name.strip() else "no name"
            raise ValueError(f"{what}: one has {kind} ({name[:20]!r}): at most {MAX_NAME_LETTERS} letters are read")
        if name == NO_BOX:
            raise ValueError(
                f"{what}: {NO_BOX!r} is what an image without a box is called: give the class another name"
            )
    return found
