"""Pooling bundles: read, held beside one another, judged over sites."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kogen.common.contracts import to_plain
from kogen.common.files import write_atomically, write_json
from kogen.common.text import join_names
from kogen.common.version import VERSION
from kogen.options.sharing import PoolOptions
from kogen.results.answers.metric_choice import choose_metric
from kogen.results.judge import refuse_unsaid_margin
from kogen.results.pooling.comparable import aspects_of
from kogen.results.pooling.judge_sites import pool_pairs, site_bets, site_lottery
from kogen.results.pooling.labels_needed import label_losses
from kogen.results.pooling.pooled_judgement import PooledJudgement, SiteFacts
from kogen.results.pooling.pooled_study import (
    open_study,
    own_metric,
    protocols_in,
    read_rows,
    reference_of,
    with_positive,
)
from kogen.results.pooling.site_effects import site_effects, site_values
from kogen.results.pooling.sites import Site, join_sites, refuse_twice
from kogen.results.sharing.read_bundle import Bundle, read_bundle
from kogen.statistics.studies.random_effects import LEAST_SITES

FORMAT = 1
RECORD = "pool.json"
TABLES = ("values", "effects", "lottery", "label_losses")


def pool_bundles(paths: Sequence[Path], options: PoolOptions, out: Path) -> PooledJudgement:
    """Judge methods over the studies of these bundles; writes OUT/pool.json and OUT's tables.

    ValueError for a bundle that is not of the format, for two of one study, and for studies that no metric or probe
    makes comparable.
    """
    bundles = [read_bundle(path) for path in paths]
    refuse_twice(bundles)
    refuse_tasks(bundles)
    protocol, notes = shared_protocol(bundles, options.protocol)
    metric = shared_metric(bundles, protocol, options.metric)
    studies = [open_study(bundle, protocol, metric) for bundle in bundles]
    refuse_unsaid_margin(studies[0].facts, options)
    sites = join_sites(studies, apart=options.apart)
    values, effects = site_values(sites), site_effects(sites)
    enough = len(sites) >= LEAST_SITES
    pairs = pool_pairs(effects, options.margin) if enough else []
    lottery, leads = site_lottery(values, sites, options.seed)
    bets, everywhere = site_bets(values, options.margin, options.seed)
    leader = bets[0].model if bets else None
    against = [pair for pair in pairs if leader in (pair.first, pair.second)]
    judgement = PooledJudgement(
        format=FORMAT,
        kogen=VERSION,
        metric=studies[0].facts,
        protocol=protocol,
        margin=options.margin,
        task=bundles[0].manifest.question.task,
        sites=tuple(map(facts_of, sites)),
        aspects=tuple(aspects_of(studies)),
        generalises=enough,
        leader=leader,
        proven=bool(against) and all(pair.verdict == "better" and pair.first == leader for pair in against),
        pairs=tuple(pairs),
        lottery=lottery,
        bets=tuple(bets),
        everywhere=tuple(everywhere),
        notes=tuple(notes),
    )
    tables = {"values": values, "effects": effects, "lottery": leads, "label_losses": label_losses(studies)}
    for name, table in tables.items():
        write_frame(out / f"{name}.parquet", table)
    write_json(out / RECORD, to_plain(judgement))
    return judgement


def write_frame(place: Path, table: Any) -> None:
    """Write a table, atomically."""
    write_atomically(place, lambda target: table.to_parquet(target, index=False))


def refuse_tasks(bundles: Sequence[Bundle]) -> None:
    """ValueError where the bundles are of different tasks: their answers have nothing in common."""
    tasks = {one.manifest.question.task: one for one in bundles}
    if len(tasks) > 1:
        (first, one), (second, other), *_ = tasks.items()
        raise ValueError(f"{one.path} is of the task {first}, {other.path} of {second}: pool those of one task")


def shared_protocol(bundles: Sequence[Bundle], asked: str | None) -> tuple[str, list[str]]:
    """The probe that judges all, and what is to be said of the choice: as asked, else the first that all have."""
    known = [protocols_in(one) for one in bundles]
    common = [name for name in known[0] if all(name in names for names in known)]
    if asked is not None and asked not in common:
        lacks = next(one.path for one, names in zip(bundles, known, strict=True) if asked not in names)
        raise ValueError(f"{lacks} was not judged by {asked}: all have {join_names(common) or 'none in common'}")
    if not common:
        got = "; ".join(f"{one.name}: {join_names(names)}" for one, names in zip(bundles, known, strict=True))
        raise ValueError(f"no probe judges all studies ({got}): leave out those that have another one")
    chosen = asked or common[0]
    firsts = {names[0] for names in known}
    return chosen, ["pool_note_probe"] if firsts != {chosen} else []


def shared_metric(bundles: Sequence[Bundle], protocol: str, asked: str | None) -> str:
    """The metric that judges all: as asked, else the one that decides in every study. ValueError where they differ."""
    if asked is not None:
        return asked
    found: dict[str, str] = {}
    for bundle in bundles:
        if own_metric(bundle):
            raise ValueError(f"{bundle.path} decides by a metric of its own, which others do not have: say --metric")
        spec = with_positive(bundle.manifest.question.metric, bundle.manifest.positive)
        facts = choose_metric(read_rows(bundle, protocol), spec, reference_of(bundle).name)
        given = {key: value for key, value in facts.parameters.items() if key != "positive"}
        query = "&".join(f"{key}={value}" for key, value in sorted(given.items()))
        found.setdefault(f"{facts.name}?{query}" if query else facts.name, bundle.name)
    if len(found) > 1:
        got = ", ".join(f"{name} ({bundle})" for name, bundle in found.items())
        raise ValueError(f"the studies decide by different metrics: {got}: say one with --metric, all are judged by it")
    return next(iter(found))


def facts_of(site: Site) -> SiteFacts:
    """What is told of a site."""
    matrices = [study.matrix for study in site.studies]
    models = sorted({name for matrix in matrices for name in matrix.models})
    left = sorted({name for study in site.studies for name in study.left_out})
    trained = [study.runs[study.runs["epochs"].fillna(0) > 0] for study in site.studies]
    seeds = [int(part.groupby("model", observed=True)["seed"].nunique().min()) for part in trained if len(part)]
    names, classes = tuple(study.name for study in site.studies), len(site.studies[0].reference.classes)
    images = max(matrix.n for matrix in matrices)
    return SiteFacts(site.name, names, images, classes, tuple(models), tuple(left), min(seeds, default=1))
