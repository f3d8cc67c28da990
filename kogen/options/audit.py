"""Options of the audit of a study."""

from kogen.options.model import Options, option
from kogen.options.shared import OUTPUT


class AuditOptions(Options):
    """Judge a study again from its runs' tables, compare, check its records and list what it rests on."""

    lang: str | None = option(None, "language of the page, en or ja; by default the study's", OUTPUT)
