"""What a column of a table of results is, by its name and values: a score, an error, a cost, an average, text."""

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import cache

import numpy as np


class Kind(Enum):
    """What a column is. Only `SCORE` is taken for a data set without being asked for."""

    SCORE = "score"  # more is better
    ERROR = "error"  # less is better
    COST = "cost"  # parameters, operations, time, data: an axis
    SETTING = "setting"  # epochs, image size, year: an axis
    SUMMARY = "summary"  # an average of other columns
    SPREAD = "spread"  # standard deviation or end of an interval of another column
    DIFFERENCE = "difference"  # to another column or row
    ORDER = "order"  # rank, number of the row, id
    TRAINING = "training"  # of the images that were trained on
    LARGE = "large"  # numbers above 100 or below 0, no share of right answers
    TEXT = "text"
    MIRROR = "mirror"  # 100 - another column
    SECOND = "second"  # top-5 beside top-1


AXES = (Kind.COST, Kind.SETTING, Kind.LARGE)

WORDS: dict[Kind, set[str]] = {
    Kind.ERROR: {
        *("err", "errs", "error", "errors", "loss", "losses", "nll", "mce", "rmce", "mfr", "mt5d", "fid", "kid", "ece"),
        *("rmse", "mse", "mae", "mape", "ppl", "perplexity", "wer", "cer", "eer", "brier", "lpips", "bpd", "fpr"),
        *("fpr95", "fnr", "risk", "regret", "misclassification", "misses", "miss", "leakage"),
    },
    Kind.COST: {
        *("param", "params", "parameter", "parameters", "flop", "flops", "gflop", "gflops", "mflops", "tflops", "mac"),
        *("macs", "gmac", "gmacs", "mmacs", "multadds", "madds", "latency", "time", "times", "runtime", "seconds"),
        *("sec", "secs", "minutes", "hours", "throughput", "fps", "speed", "memory", "gpu", "gpus", "vram", "size"),
        *("storage", "energy", "cost", "price", "macts", "activations", "footprint", "co2", "watt", "carbon"),
        *("samples", "tokens", "images", "gmacs", "paramcount", "datasize", "dollars", "usd"),
    },
    Kind.SETTING: {
        *(
            "epoch",
            "epochs",
            "iterations",
            "iters",
            "steps",
            "resolution",
            "croppct",
            "cropratio",
            "batch",
            "batchsize",
        ),
        *("lr", "wd", "depth", "width", "dim", "layers", "blocks", "heads", "patchsize", "year", "years", "date"),
        *("temperature", "momentum", "seeds", "classes", "warmup", "px", "pixels", "eps", "epsilon"),
    },
    Kind.SUMMARY: {"average", "averages", "avg", "ave", "mean", "median", "overall", "total", "sum", "aggregate"},
    Kind.SPREAD: {
        *("std", "stdev", "stddev", "stderr", "sd", "sem", "variance", "ci", "ci95", "ci95lo", "ci95hi"),
        *("halfwidth", "uncertainty"),
    },
    Kind.DIFFERENCE: {"diff", "difference", "delta", "improvement"},
    Kind.ORDER: {"rank", "ranking", "rk", "id", "ids", "idx", "index", "no", "nr", "row", "rownumber", "#"},
}
SIZES = {"imgsize", "imagesize", "inputsize", "inputres", "batchsize", "patchsize", "cropsize", "imsize"}  # no costs
JAPANESE: dict[Kind, tuple[str, ...]] = {  # anywhere in the name: there are no spaces
    Kind.SPREAD: ("標準偏差", "標準誤差", "信頼区間", "分散"),
    Kind.DIFFERENCE: ("差分", "改善幅"),
    Kind.ERROR: ("誤差", "損失", "誤り率", "エラー", "誤分類", "誤検出", "見逃し", "不良率", "過検出"),
    Kind.COST: (
        *("パラメータ", "パラメーター", "計算量", "演算", "時間", "速度", "遅延", "レイテンシ", "メモリ", "容量"),
        *("コスト", "費用", "価格", "サイズ", "枚数", "消費電力", "データ量"),
    ),
    Kind.SETTING: ("エポック", "解像度", "バッチ", "年度", "年月", "日付", "層数", "学習率", "回数"),
    Kind.SUMMARY: ("平均", "合計", "総合", "中央値"),
    Kind.ORDER: ("順位", "番号", "ランク", "通し番号"),
}
# What turns a word of the above into a score: mean IoU, average precision, mean per-class accuracy ...
SCORES_OF_MEANS = {"iou", "ap", "precision", "recall", "per", "perclass", "dice", "f1", "auc", "auroc", "auprc"}
NO_COSTS = {"time": {"series"}, "size": {"invariance"}, "images": {"net"}, "id": {"ood"}}
ACCURACIES = {"acc", "accuracy", "accuracies", "score", "scores", "正解率", "精度"}
LESS_IS_BETTER = re.compile(r"\u2193|\b(?:lower|less|smaller)(?: is)? better", re.IGNORECASE)
TOP = re.compile(r"(?<![a-z0-9])(?:top|acc|accuracy|recall|r|hit|hits)\s*[-_@ ]?\s*([1-9]\d?)(?![0-9])", re.IGNORECASE)
UNBOUNDED = {  # errors that are no shares of wrong answers
    *("loss", "losses", "nll", "mce", "rmce", "mfr", "mt5d", "fid", "kid", "rmse", "mse", "mae", "mape", "ppl"),
    *("perplexity", "lpips", "bpd", "損失", "regret", "wer", "cer"),
}
MOST_MIRRORS = 40_000  # pairs of columns that are compared
MORE_IS_BETTER = {"throughput", "fps", "speed", "速度", "year", "years"}  # of costs and settings


@cache
def name_tokens(name: str) -> tuple[str, ...]:
    """The words of a column's name in lower case: parted at signs, spaces, digits between letters and capitals."""
    plain = unicodedata.normalize("NFKC", name).strip()
    parts = re.findall(r"[^\W_]+|#", plain)
    found: list[str] = []
    for part in parts:
        found.append(part.casefold())
        pieces = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", part)
        found += [piece.casefold() for piece in pieces if len(pieces) > 1]
    return tuple(dict.fromkeys([*found, "".join(parts).casefold()]))  # img_size: img, size, imgsize


def kind_of_name(name: str) -> Kind | None:
    """What a column is by its name alone; None where that says nothing."""
    words, plain = set(name_tokens(name)), unicodedata.normalize("NFKC", name).strip()
    if plain in ("年", "年次"):
        return Kind.SETTING
    words -= {"#"} if plain != "#" else set()  # #params
    if words & {"train", "training", "trainset"} and not words & WORDS[Kind.COST]:
        return Kind.TRAINING
    if LESS_IS_BETTER.search(plain) and not words & WORDS[Kind.COST]:
        return Kind.ERROR
    if "平均適合率" in plain:
        return None
    for kind, signs in JAPANESE.items():
        if any(sign in plain for sign in signs):
            return kind
    parts = re.findall(r"[^\W_]+|#", plain.casefold())
    whole = {*parts, "".join(parts)} - ({"#"} if plain != "#" else set())
    if whole & SIZES:
        return Kind.SETTING
    for kind in (Kind.ORDER, Kind.SPREAD, Kind.DIFFERENCE, Kind.SUMMARY, Kind.ERROR, Kind.COST, Kind.SETTING):
        found = (whole if kind in (Kind.ORDER, Kind.SPREAD, Kind.SETTING) else words) & WORDS[kind]
        found = {word for word in found if not NO_COSTS.get(word, set()) & words}
        if not found:
            continue
        if kind is Kind.SUMMARY and words & (SCORES_OF_MEANS | {"corruption"}):
            continue
        if kind is Kind.ORDER and len(parts) > 2 and not found & {"rank", "ranking", "#"}:
            continue  # "in row 3 of the lot", "place of origin"
        if kind in (Kind.COST, Kind.SETTING) and words & ACCURACIES and not found & {"params", "flops"}:
            continue  # accuracy at 100 epochs
        return kind
    return None


def kind_of_values(values: np.ndarray) -> Kind | None:
    """What a column is by its numbers (nan where empty); None where they may be scores."""
    known = values[~np.isnan(values)]
    if not len(known) or not np.isfinite(known).all():
        return None
    whole = bool((known % 1 == 0).all())
    steps = set(np.diff(known))
    if whole and len(known) > 2 and known.min() in (0, 1) and steps in ({1.0}, {-1.0}):
        return Kind.ORDER
    if whole and len(known) > 1 and bool(((known >= 1950) & (known <= 2100)).all()):
        return Kind.SETTING
    odd = (known > 100) | (known < 0)
    if 2 * odd.sum() < len(known):
        return None
    counts = whole and len(known) > 2 and len(np.unique(known)) == len(known) and np.ptp(known) < 2 * len(known)
    return Kind.ORDER if counts and known.min() >= 0 else Kind.LARGE  # ids lie close together


def kind_of_column(name: str, values: np.ndarray | None) -> Kind:
    """What a column is; `values`: its numbers, nan where empty, None where it holds text."""
    if values is None:
        return Kind.TEXT
    named = kind_of_name(name)
    return named or kind_of_values(values) or Kind.SCORE


def is_unbounded_error(name: str) -> bool:
    """Whether a column's name says an error that is no share of wrong answers, such as mCE or a loss."""
    words = set(name_tokens(name))
    return bool(words & UNBOUNDED) or "損失" in name or {"corruption", "error"} <= words


def more_is_better(name: str) -> bool:
    """Of a cost or setting whether more of it is welcome: throughput, not latency."""
    return bool(set(name_tokens(name)) & MORE_IS_BETTER) or "速度" in name


def second_metrics(names: Sequence[str]) -> dict[str, str]:
    """Columns of the second metric of a set whose first is there: top-5 to its top-1."""
    first: dict[str, str] = {}
    others: dict[str, str] = {}
    for name in names:
        plain = unicodedata.normalize("NFKC", name)
        if (found := TOP.search(plain)) is None:
            continue
        rest = (plain[: found.start()] + "\0" + plain[found.end() :]).casefold()
        if found[1] == "1":
            first[rest] = name
        else:
            others[name] = rest
    return {name: first[rest] for name, rest in others.items() if rest in first}


def find_mirrors(errors: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> dict[str, str]:
    """Errors that say nothing new: 100 (or 1) minus a column of scores, up to rounding."""
    found: dict[str, str] = {}
    if len(errors) * len(scores) > MOST_MIRRORS:
        return found
    for name, error in errors.items():
        for other, score in scores.items():
            both = ~np.isnan(error) & ~np.isnan(score)
            if both.sum() < 1 or (np.isnan(error) & ~np.isnan(score)).any():
                continue
            total = error[both] + score[both]
            if np.allclose(total, 100, atol=0.051) or np.allclose(total, 1, atol=5.1e-4):
                found[name] = other
                break
    return found
