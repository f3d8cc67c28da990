"""How many images well-known test sets have: only of names that can mean nothing else, and where the number is sure."""

import re
import unicodedata

import numpy as np

# Words a name may have beside that of the set: how it was judged, never another set.
HARMLESS = {
    *("acc", "accuracy", "linear", "probe", "knn", "zeroshot", "zero", "shot", "finetuned", "finetune", "score"),
    *("online", "offline", "top", "正解率", "精度"),
}
FIRST = re.compile(r"(?<![a-z0-9])(?:top|acc|accuracy|p|r)\s*[-_@ ]?\s*1(?![0-9.])")  # top-1, acc@1
KNOWN = {
    "imagenet": 50_000,  # ILSVRC 2012, validation
    "imagenetv2": 10_000,  # Recht et al. 2019, each of its three versions
    "imagenetreal": 46_837,  # Beyer et al. 2020: images of val with a label
    "imagenetsketch": 50_889,  # Wang et al. 2019
    "imageneta": 7_500,  # Hendrycks et al. 2021
    "imagenetr": 30_000,  # Hendrycks et al. 2021
    "cifar10": 10_000,
    "cifar100": 10_000,
    "cifar10.1": 2_000,  # Recht et al. 2018, v6
    "mnist": 10_000,
    "fashionmnist": 10_000,
    "svhn": 26_032,
    "stl10": 8_000,
    "food101": 25_250,
    "gtsrb": 12_630,
    "country211": 21_100,
    "places365": 36_500,  # validation
    "patchcamelyon": 32_768,
}
SPELLINGS = {
    **dict.fromkeys(("imagenet1k", "in1k", "imagenetilsvrc2012", "ilsvrc2012", "imagenet2012"), "imagenet"),
    **dict.fromkeys(("imagenetv2matchedfrequency", "imagenetv2mf", "imagenet1kv2"), "imagenetv2"),
    **dict.fromkeys(("imagenetrendition", "imagenetrenditions"), "imagenetr"),
    **dict.fromkeys(("imagenetadversarial",), "imageneta"),
    **dict.fromkeys(("cifar10.1v6",), "cifar10.1"),
    **dict.fromkeys(("pcam",), "patchcamelyon"),
}


def known_size(name: str) -> int | None:
    """How many images a set of this name has; None where the name may mean another set."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = FIRST.sub(" top ", plain)
    words = [word for word in re.findall(r"[a-z\u3040-\u9fff]+|\d+(?:\.\d+)?", plain)]
    while words:
        whole = "".join(words)
        for part in ("validation", "val", "test"):  # ImageNet is judged on val, small sets on test
            if whole.endswith(part) and (part == "test") != whole.startswith(("imagenet", "in1k", "ilsvrc", "places")):
                whole = whole.removesuffix(part)
        if size := KNOWN.get(SPELLINGS.get(whole, whole)):
            return size
        if words[-1] not in HARMLESS:
            return None
        words.pop()
    return None


def fits_grid(points: np.ndarray, n: int) -> bool:
    """Whether scores in points can be shares of n images: each is k/n up to the digits it is written with."""
    known = points[~np.isnan(points)]
    digits = max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in known), default=0)
    off = np.abs(known / 100 * n - np.rint(known / 100 * n))
    return bool((off <= n / 100 * 0.5 * 10.0**-digits + 1e-6).all())
