"""The task of a study: its defaults, and options that do not fit it."""

import pytest

from kogen.common.protocols import BOX_DETECTORS, DETECTORS, check_probes
from kogen.config.study import make_study
from kogen.options.study_task import BOX_SIZE, BOX_STEPS, metric_for_task, with_task_defaults


def test_defaults_follow_the_task():
    study = make_study({"source": "x", "task": "anomaly"}, "here")
    assert study.probes == DETECTORS
    assert study.methods == ("byol", "simclr", "random")
    assert study.metric == "auroc?positive=anomaly"
    assert study.normal_class == ""
    again = make_study(study.model_dump(mode="json", exclude_none=True), "here")
    assert again == study
    plain = make_study({"source": "x"}, "here")
    assert (plain.task, plain.probes[0], plain.metric, plain.normal_class) == ("classify", "linear", None, None)


def test_boxes_have_defaults_of_their_own():
    study = make_study({"source": "x", "task": "detect"}, "here")
    assert (study.probes, study.methods) == (BOX_DETECTORS[:1], ("byol", "simclr", "random"))
    assert (study.tune_steps, study.image_size, study.draws, study.metric) == ((BOX_STEPS,), BOX_SIZE, 1, None)
    again = make_study(study.model_dump(mode="json", exclude_none=True), "here")
    assert again == study
    assert with_task_defaults({"task": "detect", "image_size": 64, "draws": 3})["image_size"] == 64
    assert "image_size" not in with_task_defaults({"task": "detect", "init": "weights.pth"})  # they bring theirs


def test_what_is_named_stays():
    asked = {
        "task": "anomaly",
        "probes": ["knn_distance"],
        "methods": ["byol"],
        "metric": "recall_at_false_alarm?rate=.1",
    }
    found = with_task_defaults(asked)
    assert (found["probes"], found["methods"]) == (["knn_distance"], ["byol"])
    assert found["metric"] == "recall_at_false_alarm?rate=.1&positive=anomaly"
    assert with_task_defaults(found) == found
    assert with_task_defaults({"metric": "auroc"}) == {"metric": "auroc"}
    assert metric_for_task("classify", "auroc") == "auroc"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"task": "anomaly", "methods": ("byol", "supervised")},
            r"learns from good images alone, and supervised learns",
        ),
        ({"normal": "clean"}, r"--normal clean names the class that is no anomaly: add --task anomaly"),
        ({"task": "anomaly", "metric": "auroc?positive=good"}, r"positive=good, and anomalies are looked for"),
        (
            {"task": "anomaly", "probes": ("linear",)},
            r"--probe linear is for --task classify, with --task anomaly one of",
        ),
        ({"task": "anomaly", "probes": ("tune:all",)}, r"--probe tune:all is for --task classify"),
        ({"probes": ("patch_memory",)}, r"--probe patch_memory is for --task anomaly, with --task classify one of knn"),
        (
            {"task": "anomaly", "probes": ("patch-memory",)},
            r"unknown name 'patch-memory' among the detectors: did you mean 'patch_memory'",
        ),
        ({"task": "segment"}, r"task"),
        (
            {"task": "detect", "methods": ("byol", "supervised")},
            r"images with boxes have none: leave it out of --methods; .* --candidates supervised=RUN",
        ),
        ({"task": "detect", "normal": "ok"}, r"--normal ok names the class that is no anomaly: add --task anomaly"),
        ({"task": "detect", "probes": ("linear",)}, r"--probe linear is for --task classify, .* one of fcos, faster_r"),
        ({"probes": ("fcos",)}, r"--probe fcos is for --task detect, with --task classify one of knn"),
        ({"task": "anomaly", "probes": ("fcos",)}, r"--probe fcos is for --task detect, with --task anomaly one of"),
        ({"task": "detect", "probes": ("fco",)}, r"unknown detector of boxes 'fco': did you mean 'fcos'"),
        ({"task": "detect", "shots": (3,)}, r"--task detect takes no --shots: an image has boxes of several classes"),
        ({"task": "detect", "pools": ("10%",)}, r"--task detect takes no --images: "),
        ({"task": "detect", "labels": "x.csv"}, r"--task detect takes no --labels: .* SOURCE\?table=TABLE"),
        ({"task": "detect", "transfers": {"a": "x"}}, r"--task detect takes no --transfer: .* --shift NAME=SOURCE"),
        ({"task": "detect", "metric": "auroc"}, r"--metric auroc is none of --task detect: choose one of ap, ap50"),
        ({"task": "detect", "tune_steps": (1, 2)}, r"--tune-steps 1,2: a detector learns for one number of steps"),
        (
            {"task": "detect", "settings": {"detect": {"wdth": 3}}},
            r"detect has no setting 'wdth': did you mean 'width'",
        ),
        ({"task": "detect", "settings": {"detect": {"detector": "fcos"}}}, r"the detector is named by --probe"),
        ({"settings": {"detect": {"width": 32}}}, r"settings for 'detect', which is not among the methods"),
    ],
)
def test_options_that_do_not_fit_are_named(asked, message):
    with pytest.raises(ValueError, match=message):
        make_study({"source": "x", **asked}, "here")


def test_no_probe_names_one_of_its_task():
    with pytest.raises(ValueError, match=r"no probes: name one or more, for instance --probe knn_distance"):
        check_probes((), "anomaly")
