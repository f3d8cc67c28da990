"""Betting: a lottery's summary in; the bet, its price, what would decide it and what was refused, as sentences."""

from typing import Any

from kogen.reporting.study.sentences import REALISTIC, round_up
from kogen.reporting.words import Sentence, format_points, sentence
from kogen.results.lottery_summary import LotterySummary

NEEDS_ITEMS_KEY = "why_items"
REFUSAL_KEYS = {  # what may be refused, and why; tests over sets have two reasons
    **dict.fromkeys(("pairs", "ranks", "combined"), NEEDS_ITEMS_KEY),
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
        values = {"first": best["model"], "second": least["model"], "price": format_points(least["price"])}
        ends = {"regret": format_points(least["max_regret"]), "worst": format_points(best["max_regret"])}
        return sentence("headline", "bet_differs", **values, **ends)
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
    told = [sentence("headline", "price_of" if losses[worst] > 1e-9 else "price_none", **values)]
    least = rows["regret"]
    if least["model"] != model and least["max_regret"] < losses[worst] - 1e-9:
        told.append(
            sentence("headline", "price_other", second=least["model"], regret=format_points(least["max_regret"]))
        )
    return told


def decision_sentences(summary: LotterySummary) -> list[Sentence]:
    """How many images would decide what is open."""
    told, open_ = summary.bet.decides, summary.real
    if told is None:
        return []
    names = {"first": told.first, "second": told.second, "dataset": summary.reference}
    gap = {"difference": format_points(told.difference)}
    if told.decided:
        return [sentence("change", "decided", **names)]
    if told.difference < 1e-9:
        return [sentence("change", "decide_tie", **names)]
    needed = open_ and {open_["first"], open_["second"]} == {told.first, told.second} and open_["needed"]
    if needed and needed["images"] is not None:  # it knows of all pairs and of the luck of training
        return [images_sentence(names | gap, "decide_images", needed["images"])]
    if told.images is None or needed:
        return [sentence("change", "decide_seeds", **names, **gap)]
    return [images_sentence(names | gap, "decide_scores" if open_ is None else "decide_images", told.images)]


def images_sentence(names: dict[str, Any], key: str, count: float) -> Sentence:
    """How many images in all would decide, or that no realistic number would."""
    key = key if count <= REALISTIC else "decide_too_many"
    return sentence("change", key, **names, images=min(round_up(count), REALISTIC))


def refusals(summary: LotterySummary) -> list[dict[str, Any]]:
    """What was refused: {"what", "name", "key", "with", "text"}; the statistic's own text where there is no key."""
    told, few = [], summary.models < 3
    for what, text in sorted(summary.refused.items()):
        if what in ("friedman", "wilcoxon"):
            key = "why_models" if few else "why_sets" if "there are" in text and "tests over" in text else None
            values = {"n": 1 + len(summary.targets)}
        else:
            key = REFUSAL_KEYS.get(what)
            values = {}
        known = f"what_{what}" if what in REFUSAL_KEYS else None
        told.append({"what": known, "name": what, "key": key, "with": values, "text": text})
    return told


def notes(summary: LotterySummary) -> list[Sentence]:
    """What a reader should know of the table: cells that are missing, columns that were not read, weights."""
    told, missing = [], summary.missing
    if missing.cells:
        counts = {"n": missing.cells, "models": missing.models, "names": missing.examples}
        told.append(sentence("caution", "note_missing", **counts))
    if summary.ignored:
        told.append(sentence("caution", "note_ignored", names=summary.ignored))
    if (summary.families or 0) > 1:
        told.append(sentence("caution", "note_families", n=summary.families, models=summary.models))
    if summary.weights:
        weights = [f"{name} {format_points(weight)}" for name, weight in summary.weights.items()]
        told.append(sentence("caution", "note_weights", names=weights))
    return told
