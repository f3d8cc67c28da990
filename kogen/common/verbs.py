"""Where each verb lies: those that read tables alone lie apart from those that load torch."""

import importlib
from typing import Any

TABLE_VERBS = ("audit", "lottery", "pool", "prior", "report", "share", "submit")


def load_verb(name: str) -> Any:
    """The verb of this name, loaded at its first use, with what it needs and no more."""
    return getattr(importlib.import_module("kogen.api_tables" if name in TABLE_VERBS else "kogen.api"), name)
