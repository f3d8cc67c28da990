"""Sentences of a lottery: the bet, its price, what would decide it and what was refused."""

from typing import Any

from kogen.reporting.lottery.reading import reading_notes
from kogen.reporting.study.sentences import REALISTIC, round_up
from kogen.reporting.words import Sentence, format_points, sentence
from kogen.results.lottery_summary import LotterySummary

REFUSAL_KEYS = {  # what may be refused, and why; tests over sets have two reasons
    **dict.fromkeys(("pairs", "ranks", "combined"), "why_items"),
    **{"noise_floor": "why_n", "near_best": "why_near", "transfer": "why_one_set"},
    **dict.fromkeys(("friedman", "wilcoxon")),
}


def headline(summary: LotterySummary, cells: dict[tuple[str, str], dict[str, Any]]) -> list[Sentence]:
    """The bet with its price, and beside it whether it is a proven winner; `cells` holds rows of `accuracy`."""
    bet, lead, reference = summary.bet, summary.lead, summary.reference
    mine = {"model": lead.model, "dataset": reference, "value": cells[lead.model, reference]["value"]}
    if lead.runner_up is None:
        return [sentence("headline", "bet_lone", **mine)]
    if not summary.targets:
        return [sentence("headline", "bet_one_set", **mine)]
    if not bet.picks:
        return [sentence("headline", "bet_nowhere", **mine)]
    return [bet_price_sentence(summary), *proof(summary)]


def bet_price_sentence(summary: LotterySummary) -> Sentence:
    """The bet and what it may cost; where the views differ, what safety costs."""
    rows = {row["pick"]: row for row in summary.bet.picks}
    best, least, near = rows["expected"], rows["regret"], rows.get("near")
    sets = [summary.reference, *summary.targets]
    counted = sum((summary.weights or dict.fromkeys(sets, 1)).get(name, 0) > 0 for name in sets)
    if least["model"] != best["model"]:
        losses = {"regret": least["max_regret"], "worst": best["max_regret"], "price": least["price"]}
        points = {name: format_points(loss) for name, loss in losses.items()}
        return sentence("headline", "bet_differs", first=best["model"], second=least["model"], **points)
    values = {"model": best["model"], "regret": format_points(best["max_regret"]), "n": counted}
    if near and near["model"] != best["model"]:
        other = {"second": near["model"], "price": format_points(near["price"]), "chance": 100 * near["near_best"]}
        return sentence("headline", "bet_near", **values, **other, margin=summary.margin)
    return sentence("headline", "bet_price" if best["max_regret"] > 1e-9 else "bet_everywhere", **values)


def proof(summary: LotterySummary) -> list[Sentence]:
    """Whether the bet is more than a safe choice: nothing to add where it is a proven winner."""
    real, model = summary.real, summary.bet.model
    if real is None:
        return [sentence("headline", "unknown_lead", dataset=summary.reference)]
    won = real["verdict"] in ("better", "small") and real["first"] == model
    return [] if won or model is None else [sentence("headline", "safe_not_proven")]


def model_price_sentences(summary: LotterySummary, model: str, losses: dict[str, float]) -> list[Sentence]:
    """What betting on a model chosen elsewhere may cost: `losses`, points behind the best of each set."""
    rows = {row["pick"]: row for row in summary.bet.picks}
    if not rows or not summary.targets:
        return []
    worst = max(losses, key=lambda name: losses[name])
    values = {"model": model, "n": len(losses), "regret": format_points(losses[worst]), "dataset": worst}
    found, least = (
        [sentence("headline", "price_of" if losses[worst] > 1e-9 else "price_none", **values)],
        rows["regret"],
    )
    if least["model"] != model and least["max_regret"] < losses[worst] - 1e-9:
        values = {"second": least["model"], "regret": format_points(least["max_regret"])}
        found.append(sentence("headline", "price_other", **values))
    return found


def decision_sentences(summary: LotterySummary) -> list[Sentence]:
    """How many images would decide what is open."""
    decision, real = summary.bet.decides, summary.real
    if decision is None:
        return []
    names = {"first": decision.first, "second": decision.second, "dataset": summary.reference}
    if decision.decided:
        return [sentence("change", "decided", **names)]
    if decision.difference < 1e-9:
        return [sentence("change", "decide_tie", **names)]
    names["difference"] = format_points(decision.difference)
    needed = real and {real["first"], real["second"]} == {decision.first, decision.second} and real["needed"]
    images = needed["images"] if needed else decision.images  # the former knows of all pairs, and of training's chance
    if images is None:
        return [sentence("change", "decide_seeds", **names)]
    key = "decide_too_many" if images > REALISTIC else "decide_images" if real else "decide_scores"
    return [sentence("change", key, **names, images=min(round_up(images), REALISTIC))]


def refusals(summary: LotterySummary) -> list[dict[str, Any]]:
    """What was refused: {"what", "name", "key", "with", "text"}; the statistic's own text where there is no key."""
    found = []
    for what, text in sorted(summary.refused.items()):
        key, values = REFUSAL_KEYS.get(what), {}
        if what in ("friedman", "wilcoxon"):
            few_sets = "there are" in text and "tests over" in text
            key = "why_models" if summary.models < 3 else "why_sets" if few_sets else None
            values = {"n": 1 + len(summary.targets)}
        known = f"what_{what}" if what in REFUSAL_KEYS else None
        found.append({"what": known, "name": what, "key": key, "with": values, "text": text})
    return found


def notes(summary: LotterySummary) -> list[Sentence]:
    """What a reader should know of the table: cells that are missing, columns that were not read, weights."""
    found, missing = [], summary.missing
    if missing.cells:
        counts = {"n": missing.cells, "models": missing.models, "names": missing.examples}
        found.append(sentence("caution", "note_missing", **counts))
    if summary.ignored:
        found.append(sentence("caution", "note_ignored", names=summary.ignored))
    found += reading_notes(summary)
    if (summary.families or 0) > 1:
        found.append(sentence("caution", "note_families", n=summary.families, models=summary.models))
    if summary.weights:
        weights = [f"{name} {format_points(weight)}" for name, weight in summary.weights.items()]
        found.append(sentence("caution", "note_weights", names=weights))
    return found
