"""The verbs that read tables alone, and load no torch: lottery, report, audit, share, pool, prior."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kogen.common.contracts import to_plain
from kogen.common.files import write_json
from kogen.common.locks import lock_output
from kogen.common.outputs import claim_file, claim_folder
from kogen.common.own_statistics import check_statistics, write_statistics
from kogen.common.speech.progress import progress_bar
from kogen.common.text import check_language
from kogen.options.audit import AuditOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.model import takes
from kogen.options.runs import ReportOptions
from kogen.options.sharing import PoolOptions, PriorOptions, ShareOptions
from kogen.options.study import SubmitOptions
from kogen.options.study_task import check_task_metric, metric_for_task
from kogen.reporting.words import say
from kogen.results.answers.transfer_leads import judge_transfers, transfer_folders, write_leads
from kogen.results.answers.view_effects import judge_views, read_asked_views, write_effects
from kogen.results.asked import FIRST, leaves_open, read_asked, read_question, read_whole_question
from kogen.results.gather import TABLE, gather_predictions
from kogen.results.judge import judge_results, refuse_unsaid_margin
from kogen.results.pooling.pool import pool_bundles
from kogen.results.pooling.prior import make_prior, read_pool
from kogen.results.questions import table_paths
from kogen.results.sharing.share import share_study
from kogen.study.gallery import write_gallery
from kogen.study.submission import write_submission
from kogen.verb_results import AuditResult, LotteryResult, PoolResult, PriorResult, ShareResult, StudyResult


@takes(LotteryOptions)
def lottery(table: str | Path | Sequence[str | Path], options: LotteryOptions) -> LotteryResult:
    """Judge any table of results (a row per image, or scores) and write its tables, verdict.json and report.html.

    `table`: a csv, markdown or parquet file, or a frame; several files of scores are joined by model.
    Returns the summary with the judgement, and the first sentences of the page as "words". ValueError for a table that
    cannot be read, and where `out` holds a study, whose page has its own lottery.
    """
    from kogen.reporting.lottery import page

    check_language(options.lang)
    if (options.out / "study.toml").exists():
        raise ValueError(f"{options.out} is a study, whose report shows its own lottery: choose another --out")
    claim_folder(options.out, table_paths(table) or [])
    with lock_output(options.out):
        with progress_bar("judging the table", transient=True) as report:
            summary, judgement = judge_results(table, options, options.out, report)
        words = page.write(options.out, lang=options.lang)
        found = to_plain(summary) | {"judgement": to_plain(judgement), "words": words}
        return LotteryResult(found, options.out, options.lang)


@takes(ReportOptions)
def report(study: str | Path, options: ReportOptions) -> StudyResult:
    """The verdict on a study, from its tables alone; writes verdict.json and report.html."""
    from kogen.reporting.study import page, verdict  # training does not load what only pages need
    from kogen.reporting.study.runs import kind_of_study
    from kogen.reporting.words import words_for

    folder = Path(study)
    asked = read_question(folder)
    lang = options.lang or asked["lang"]
    prices = options.prices or asked["prices"]
    check_task_metric(asked["task"], options.metric, prices)
    check_statistics(options.statistics)
    claim_folder(folder, expected=["study.toml"])
    for place in transfer_folders(folder).values():
        report(place, lang=lang)
    with lock_output(folder), words_for(kind_of_study(folder)):
        gather_predictions(folder)
        metric = metric_for_task(asked["task"], options.metric) if options.metric else asked["metric"]
        known: dict[str, Any] = {"margin": asked["margin"], "protocol": asked["probes"][0], "lang": lang}
        judged = verdict.build(folder, metric=metric, prices=prices, **known)
        write_gallery(folder, judged.hard, private=asked["private"])
        own = options.statistics or asked["statistics"]
        write_statistics(folder, own)
        write_leads(folder, judge_transfers(folder, judged.judgement, judged.pairs))
        if views := read_asked_views(folder):
            rows = verdict.read_predictions(folder / TABLE)
            write_effects(folder, judge_views(views, rows, judged.metric, judged.protocol, judged.reference))
        page.write(folder, lang=lang, statistics=own)
    return StudyResult(to_plain(judged), folder, lang)


@takes(AuditOptions)
def audit(study: str | Path, options: AuditOptions) -> AuditResult:
    """Judge a study again from the tables of its runs, check its records, and write audit.json and audit.html.

    Returns the content of audit.json: "passed" where the judgement is the same and no record contradicts another. The
    tables and the verdict of the study stay as they are. ValueError for a folder that holds no study.
    """
    from kogen.reporting.audit import page
    from kogen.reporting.audit.assemble import make_audit
    from kogen.reporting.study.runs import kind_of_study
    from kogen.reporting.words import words_for

    folder = Path(study)
    if not (folder / FIRST).exists():
        raise ValueError(f"{folder} holds no study (no {FIRST}): give a folder that `kogen pilot` or `evaluate` wrote")
    check_language(options.lang or "en")
    claim_folder(folder, expected=[FIRST])
    with lock_output(folder), words_for(kind_of_study(folder)):
        found = make_audit(folder, read_whole)
        return AuditResult(page.write(folder, found, options.lang or found.lang), folder)


def read_whole(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What the report asks of a study, and all that a pilot was asked by now; None for no pilot."""
    if leaves_open(read_asked(folder)):
        from kogen.study.extension import read_opened_question  # loads torch, which reads the weights

        return read_opened_question(folder)
    return read_whole_question(folder)


@takes(SubmitOptions)
def submit(study: str | Path, options: SubmitOptions) -> Path:
    """Write a script for SLURM that does each planned run of a study in a task of its own; its path.

    ValueError where no runs are planned, and for a file that kogen did not write.
    """
    return write_submission(Path(study), options)


@takes(ShareOptions)
def share(study: str | Path, options: ShareOptions) -> ShareResult:
    """Write a study's tables as a bundle that another team may read: no pictures, no paths, names coded, ids hashed.

    Returns the manifest, the "path" of the bundle, and "searched", the number of texts that it was searched for. The
    study stays as it is. ValueError for a study that is not judged, and where a text of it would be in the bundle.
    """
    folder = Path(study)
    claim_file(options.out, [folder], force=options.force)
    return ShareResult(share_study(folder, options.out, keep_names=options.keep_names), options.out)


@takes(PoolOptions)
def pool(bundles: str | Path | Sequence[str | Path], options: PoolOptions) -> PoolResult:
    """Judge methods over the bundles of many teams; writes pool.json, its tables and report.html.

    Returns the content of pool.json, and the sentences of the page as "words". ValueError for a bundle that is not as
    `kogen share` writes it, for two of one study, and for studies that no metric or probe makes comparable.
    """
    from kogen.reporting.pool import page

    check_language(options.lang)
    paths = [Path(one) for one in ([bundles] if isinstance(bundles, str | Path) else bundles)]
    claim_folder(options.out, paths)
    with lock_output(options.out):
        found = pool_bundles(paths, options, options.out)
        words = page.write(options.out, lang=options.lang)
    return PoolResult(to_plain(found) | {"words": words}, options.out, options.lang)


@takes(PriorOptions)
def prior(folder: str | Path, options: PriorOptions) -> PriorResult:
    """What a pool tells a new team: what to try first, and the images, labels and seeds its question will take.

    Writes prior.json, and returns its content with the sentences as "words". ValueError for a folder that holds no
    pool, and for one of fewer than 3 sites or 2 methods.
    """
    from kogen.reporting.pool.sentences import prior_sentences

    check_language(options.lang)
    place = Path(folder)
    refuse_unsaid_margin(read_pool(place).metric, options)
    found = make_prior(place, margin=options.margin, seeds=options.seed_counts, seed=options.seed)
    words = [say(options.lang, one.key, **one.values) for one in prior_sentences(found)]
    out = options.out or place / "prior.json"
    if options.out is None:
        claim_folder(place)
    elif out.exists() or out.is_symlink():
        raise ValueError(f"{out} is there: choose another --out")
    write_json(out, to_plain(found) | {"words": words})
    return PriorResult(to_plain(found) | {"words": words, "path": str(out)})


__all__ = ["audit", "lottery", "pool", "prior", "report", "share", "submit"]
