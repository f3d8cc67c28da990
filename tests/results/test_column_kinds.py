"""What a column is, by its name and by its numbers."""

import numpy as np
import pytest

from kogen.results.column_kinds import (
    MOST_MIRRORS,
    Kind,
    find_mirrors,
    is_unbounded_error,
    kind_of_column,
    kind_of_name,
    kind_of_values,
    more_is_better,
    name_tokens,
    second_metrics,
)

NAMES = {
    Kind.ERROR: "err error loss mCE FID test_loss testLoss val-err top1_err Top1_Err. error_rate ERR 誤差 損失 誤り率 "
    "RMSE mFR mT5D ppl Clean_Error NLL ECE FPR95 anything_↓ defects_(lower_is_better)",
    Kind.COST: "params param_count params_M params_(M) FLOPs_(B) GMACs GFLOPs latency time Time_for_1_epoch GPU_memory "
    "throughput_(img/s) size model_size パラメータ数 時間 計算量 #params",
    Kind.SETTING: "epochs img_size image_size ImageSize crop_pct year years 年 エポック数 batch_size resolution depth",
    Kind.SUMMARY: "average avg mean Mean_accuracy Average_perf._on_38_datasets 平均 overall Avg. mean_error",
    Kind.SPREAD: "val_std std top1_stderr ci95 標準偏差",
    Kind.DIFFERENCE: "top1_diff delta diff",
    Kind.TRAINING: "train_accuracy train_loss training",
    Kind.ORDER: "rank rank_diff # id No. index 順位 番号 row",
}
SCORES = (
    "ImageNet_1k top1 top-5 Caltech-101 CLEVR_Counts CLEVR_Distance Country211 Describable_Textures Pascal_VOC_2007 "
    "Rendered_SST2 Dollar_Street iNat_2018 Places205 mAP mIoU mean_IoU mean_per_class average_precision k-NN knn "
    "linear MS-COCO day line1 position upper lossless val shift 1%_labels Acc@1_(online) accuracy_100_epochs 正解率 "
    "平均適合率 night drop 検証 score Clean_accuracy time_series"
)


@pytest.mark.parametrize("kind", NAMES)
def test_names_say_what_a_column_is(kind: Kind) -> None:
    names = [name.replace("_(", " (").replace("_is_", " is ") for name in NAMES[kind].split()]
    assert {name: kind_of_name(name) for name in names} == dict.fromkeys(names, kind)
    assert kind_of_column(names[0], np.array([1.0, 50.0])) is kind


def test_names_of_data_sets_say_nothing() -> None:
    names = [name.replace("_", " ") if "top" not in name else name for name in SCORES.split()]
    assert {name: kind_of_name(name) for name in names} == dict.fromkeys(names, None)


def test_words_of_a_name() -> None:
    assert name_tokens("img_size") == ("img", "size", "imgsize")
    assert name_tokens("testLoss") == ("testloss", "test", "loss")
    assert name_tokens("mCE") == ("mce", "m", "ce")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 2], Kind.ORDER),
        ([1, 2, 3, 4], Kind.ORDER),
        ([3, 2, 1], Kind.ORDER),
        ([0, 1], None),
        ([2, 3, 4], None),
        ([0, 1, 0, 1], None),
        ([1, 2, 2.5], None),
        ([101, 102, 103], Kind.ORDER),
        ([101, 5000, 90_000], Kind.LARGE),
        ([101.5, 102.5, 103.5], Kind.LARGE),  # ids are whole
        ([101, 102], Kind.LARGE),
        ([101, 101, 103], Kind.LARGE),
        ([101, 103, 107], Kind.LARGE),  # twice as far apart as there are
        ([101, 103, 106], Kind.ORDER),
        ([70, 71, 130, 140, 72], None),  # two of five
        ([1950, 2100], Kind.SETTING),
        ([1949, 2000], Kind.LARGE),
        ([2000, 2101], Kind.LARGE),
        ([2017], Kind.LARGE),
        ([70, 71, 130], None),  # a typo is refused later
        ([70, 130], Kind.LARGE),
        ([70, -1.5], Kind.LARGE),
        ([100, 0], None),
        ([np.nan, np.nan], None),
        ([np.inf, 5], None),
    ],
)
def test_numbers_say_what_a_column_cannot_be(values: list[float], kind: Kind | None) -> None:
    assert kind_of_values(np.array(values, dtype=float)) is kind


def test_a_column_of_text_is_text_and_one_of_shares_a_score() -> None:
    assert kind_of_column("val", None) is Kind.TEXT
    assert kind_of_column("val", np.array([70.5, 71])) is Kind.SCORE
    assert kind_of_column("val", np.array([1.0, 2.0, 3.0])) is Kind.ORDER


def test_a_second_metric_of_the_same_images() -> None:
    assert second_metrics(["top1", "top5", "val"]) == {"top5": "top1"}
    assert second_metrics(["ImageNet / top-1", "ImageNet / top-5", "CIFAR / top-5"]) == {
        "ImageNet / top-5": "ImageNet / top-1"
    }
    assert second_metrics(["Acc@1 (online)", "Acc@5 (offline)"]) == {}
    assert second_metrics(["top5"]) == {}


def test_an_error_that_says_what_a_score_says() -> None:
    score = np.array([70.0, np.nan, 71.5])
    assert find_mirrors({"err": 100 - score}, {"acc": score}) == {"err": "acc"}
    assert find_mirrors({"err": 1 - score / 100}, {"acc": score / 100}) == {"err": "acc"}
    assert find_mirrors({"err": 100.06 - score}, {"acc": score}) == {}
    assert find_mirrors({"err": 100.05 - score}, {"acc": score}) == {"err": "acc"}  # rounded
    fewer = np.array([30.0, np.nan, np.nan])
    assert find_mirrors({"err": fewer}, {"acc": score}) == {}


def test_errors_without_a_bound_and_costs_of_which_more_is_better() -> None:
    assert all(map(is_unbounded_error, ["mCE", "val loss", "FID", "corruption error", "損失"]))
    assert not any(map(is_unbounded_error, ["err", "top1_err", "誤差", "val"]))
    assert all(map(more_is_better, ["throughput (img/s)", "FPS", "推論速度"]))
    assert not any(map(more_is_better, ["params", "latency", "epochs"]))


def test_of_very_many_errors_and_scores_no_mirrors_are_looked_for() -> None:
    score = np.array([70.0, 80.0])
    scores = {f"s{i}": score for i in range(200)}
    errors = {f"e{i}": 100 - score for i in range(200)}
    assert MOST_MIRRORS == 40_000
    assert len(find_mirrors(errors, scores)) == 200
    assert find_mirrors(errors | {"one more": 100 - score}, scores) == {}
    assert find_mirrors({"e": np.array([30.05, 20.05])}, {"s": score}) == {"e": "s"}
    assert find_mirrors({"e": np.array([0.3005, 0.2])}, {"s": score / 100}) == {"e": "s"}
    assert find_mirrors({"e": np.array([0.3006, 0.2])}, {"s": score / 100}) == {}
    nothing = np.full(2, np.nan)
    assert find_mirrors({"e": nothing}, {"s": nothing}) == {}
    assert find_mirrors({"e": np.array([30.0, np.nan])}, {"s": np.array([70.0, np.nan])}) == {"e": "s"}
