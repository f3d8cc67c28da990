"""Own words: what kogen writes in every bundle, so that a scan cannot tell it from a name that a team chose."""

from collections.abc import Iterable

from kogen.common.protocols import BOX_DETECTORS
from kogen.common.registry import FOLDERS, own_names
from kogen.results.sharing import manifest_words
from kogen.results.sharing.bundle_format import MEMBERS, SCHEMAS, shapes
from kogen.results.sharing.manifest import Manifest, SharedBudget, SharedQuestion, SharedSet, SharedTable

PARQUET = "PAR1 parquet-cpp-arrow version schema list element rows classes ROWS"
CODES = "set class model views probe group term run"


def own_words(told: Iterable[str]) -> bytes:
    """All of it as one text; `told`: what this bundle tells of networks, views and settings, in kogen's words.

    A team's class called `reference` is in it: of that a scan of bytes says nothing, the shapes of cells do.
    """
    prose = [value for value in vars(manifest_words).values() if isinstance(value, str)]
    prose += [
        *manifest_words.INSIDE.values(),
        "# A study, shared as tables ## Inside labelled images classes Written by",
    ]
    kinds = (Manifest, SharedQuestion, SharedSet, SharedBudget, SharedTable)
    names = [name for kind in kinds for name in kind.__annotations__]
    names += [name for schema in SCHEMAS.values() for name in schema.names]
    names += [name for shelf in FOLDERS for name in own_names(shelf)]
    patterns = [pattern.pattern for pattern in shapes().values()]
    words = [*prose, *names, *patterns, *MEMBERS, *BOX_DETECTORS, PARQUET, CODES, "coded kept together drop keep test"]
    return "\n".join([*words, "validation", *told]).encode()
