"""Making the judgement again from the tables of the runs, beside the study: nothing in the study is written."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.compute

from kogen.common.contracts import to_plain
from kogen.common.files import jsonable, read_json
from kogen.common.metric_facts import MetricFacts
from kogen.common.running_costs import RUNNING_COSTS
from kogen.common.tables import read_arrow
from kogen.reporting.audit.comparison import Comparison, read_columns
from kogen.reporting.audit.remarks import Remark, at_place, error_as_remark, remark, without_folder
from kogen.reporting.study import verdict
from kogen.results.answers.transfer_leads import LEADS, judge_transfers, transfer_folders
from kogen.results.asked import FIRST, RECORD, VERDICT, read_question
from kogen.results.boxes.box_tables import BOXES
from kogen.results.gather import KEY, TABLE, gather_predictions, to_schema

pc: Any = pyarrow.compute  # its functions are made at run time: type checkers do not know them
COPIED = (FIRST, RECORD, "data.json", RUNNING_COSTS)
COPIED_OF_RUNS = ("plan.json", "summary.json")


@contextmanager
def copy_of_inputs(study: Path, name: str) -> Iterator[Path]:
    """A folder `name` with what a judgement is made from, and nothing that was made; tables of runs are linked."""
    with TemporaryDirectory(prefix="kogen-audit-") as place:
        copy = Path(place) / name
        copy.mkdir()
        copy_files(study, copy, COPIED)
        for run in sorted(path for path in study.glob("runs/*") if path.is_dir()):
            target = copy / "runs" / run.name
            target.mkdir(parents=True)
            copy_files(run, target, COPIED_OF_RUNS)
            for table in (TABLE, BOXES):
                if (run / table).exists():
                    (target / table).symlink_to((run / table).resolve())
        yield copy


def copy_files(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy those of some files that are there."""
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def compare_judgement(study: Path, question: Mapping[str, Any]) -> tuple[Comparison, list[Remark]]:
    """verdict.json and the tables beside it, each against what is made again; and what is wrong with predictions.

    So of each transfer set too, and of what is said of the leads there. Metric, prices and language are those of the
    verdict that is there: `kogen report` may have been asked for others.
    """
    found, problems = Comparison(), []
    for place in transfer_folders(study).values():
        mine: list[Remark] = []
        with error_as_remark(mine):
            mine += compare_folder(place, study, read_question(place), found)
        problems += at_place(mine, place, study)
    problems += compare_folder(study, study, question, found)
    return found, problems


def compare_folder(folder: Path, study: Path, question: Mapping[str, Any], found: Comparison) -> list[Remark]:
    """What is wrong with the predictions in the folder of a study or transfer set; the rest is compared in `found`."""
    problems: list[Remark] = []
    below = "" if folder == study else f"{folder.relative_to(study)}/"
    stored: dict[str, Any] = {}
    with error_as_remark(problems):
        stored = read_json(folder / VERDICT)
    with copy_of_inputs(folder, name_of(folder, stored)) as copy, error_as_remark(problems):
        gather_predictions(copy)
        if not (copy / TABLE).exists():
            return [*problems, remark("audit_no_tables", file=f"runs/*/{TABLE}")]
        with error_as_remark(problems):
            problems += compare_predictions(folder / TABLE, copy / TABLE)
        if not stored:
            return problems
        asked = {"margin": question["margin"], "protocol": question["probes"][0]}
        asked |= {"lang": str(stored.get("lang")), "prices": prices_of(stored, question)}
        judged = verdict.build(copy, **asked, metric=metric_of(stored, question))
        found.add(f"{below}{VERDICT}", stored, read_json(copy / VERDICT))
        for table in sorted(copy.glob("*.parquet")):
            if table.name != TABLE:
                with error_as_remark(problems):
                    found.add(f"{below}{table.name}", read_columns(folder / table.name), read_columns(table))
        with error_as_remark(problems):
            leads = judge_transfers(folder, judged.judgement, judged.pairs)
            if leads or (folder / LEADS).exists():
                found.add(LEADS, read_json(folder / LEADS), json.loads(json.dumps(to_plain(leads))))
    return without_folder(problems, copy)


def name_of(study: Path, stored: Mapping[str, Any]) -> str:
    """The name of the folder in which a study was judged: it may have been copied or renamed since."""
    name = str((stored.get("study") or {}).get("name"))
    return name if (study / "runs" / name).parent == study / "runs" and name not in ("", "None") else study.name


def metric_of(stored: Mapping[str, Any], question: Mapping[str, Any]) -> str | None:
    """The metric that a stored verdict was asked for, as it is typed; that of the question where it does not say."""
    facts = stored.get("metric")
    if not isinstance(facts, dict) or "name" not in facts:
        return question["metric"]
    if facts.get("reason") != "asked":
        return None
    texts = {name: ",".join(map(str, value)) if isinstance(value, list) else value
             for name, value in (facts.get("parameters") or {}).items()}  # fmt: skip
    return MetricFacts(str(facts["name"]), parameters=texts).spec


def prices_of(stored: Mapping[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
    """The prices of a stored verdict; those of the question where it does not say."""
    economics = stored.get("economics")
    return economics["prices"] if isinstance(economics, dict) and "prices" in economics else question.get("prices", {})


def compare_predictions(place: Path, gathered: Path) -> list[Remark]:
    """What the predictions of a study hold otherwise than those of its runs."""
    was, now = (to_schema(read_arrow(path, kind="predictions")) for path in (place, gathered))
    if was.equals(now):
        return []
    found = []
    for run in sorted({*pc.unique(was["run"]).to_pylist(), *pc.unique(now["run"]).to_pylist()}):
        old, new = (rows_of_run(table, run) for table in (was, now))
        if not len(new):
            found.append(remark("audit_lost_run", run=run, n=len(old)))
        elif len(old) != len(new) or not old.select(KEY).equals(new.select(KEY)):
            found.append(remark("audit_other_rows", run=run, was=len(old), now=len(new)))
        else:
            found += odd_answers(run, old, new)
    return found


def odd_answers(run: str, old: Any, new: Any) -> list[Remark]:
    """The first column in which two tables with the same rows differ, and where; NaN is equal to itself."""
    for name in old.column_names:
        if old[name].equals(new[name]):
            continue
        pairs = zip(jsonable(old[name].to_pylist()), jsonable(new[name].to_pylist()), strict=True)
        rows = [(number, pair) for number, pair in enumerate(pairs) if pair[0] != pair[1]]
        if rows:
            number, (was, now) = rows[0]
            item = old["item"][number].as_py()
            return [remark("audit_other_answer", run=run, item=item, column=name, was=was, now=now, n=len(rows))]
    return []


def rows_of_run(table: Any, run: str) -> Any:
    """The rows of a run, sorted by what names a row."""
    return table.filter(pc.equal(table["run"], run)).sort_by([(name, "ascending") for name in KEY])
