"""The page of an audit, and audit.json beside it."""

from pathlib import Path
from typing import Any

from kogen.common.contracts import to_plain
from kogen.common.files import write_json
from kogen.reporting.audit.assemble import Audit
from kogen.reporting.audit.remarks import Remark, remark
from kogen.reporting.html import write_page

SHOWN = 40  # fields that differ and are shown
PRINTED = 10  # ... and are printed in words


def write(study: Path, audit: Audit, lang: str) -> dict[str, Any]:
    """Write STUDY/audit.json and STUDY/audit.html; returns what audit.json holds, with the sentences as "words"."""
    said = answer(audit)
    words = [one.text(lang) for one in (said, *audit.problems, *differences(audit, PRINTED), *audit.notes)]
    plain = to_plain(audit) | {"words": words}
    write_json(study / "audit.json", plain)
    shown = {
        "audit": audit,
        "said": said.text(lang),
        "problems": [one.text(lang) for one in audit.problems],
        "notes": [one.text(lang) for one in audit.notes],
        "differences": [one.text(lang) for one in differences(audit, SHOWN)],
        "versions": sorted({(name, version) for run in audit.runs for name, version in run.versions.items()}),
    }
    write_page(study / "audit.html", "audit.html.j2", lang, {}, name=audit.study, many=False, **shown)
    return plain


def answer(audit: Audit) -> Remark:
    """Whether the judgement is the same, in a sentence."""
    if not audit.fields:
        return remark("audit_none")
    if audit.differing:
        return remark("audit_other", n=audit.differing, fields=audit.fields)
    return remark("audit_same" if audit.passed else "audit_same_but", fields=audit.fields, n=len(audit.problems))


def differences(audit: Audit, most: int) -> list[Remark]:
    """The first fields that differ, those of the judgement before others, and how many more there are."""
    first = sorted(audit.differences, key=lambda one: not one.field.startswith("judgement"))  # what people act on
    found = [remark("audit_field", file=one.file, field=one.field, was=one.was, now=one.now) for one in first[:most]]
    left = audit.differing - len(found)
    return [*found, *([remark("audit_more", n=left)] if left else [])]
