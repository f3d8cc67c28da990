"""The training loop: learns, resumes bitwise, stops at NaN, stops when asked, accumulates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small import blobs, plan_for

from kogen.training import checkpoint, fabric, loop
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.loop import NonFiniteLoss, Stopped, pretrain
from kogen.training.run import load_run, train_run


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoint" / "state.safetensors")


def test_it_learns_and_records(tmp_path):
    images = blobs(128)
    epochs = list(pretrain(plan_for(images, "supervised", epochs=6, settings={"rate": 0.8}), images, tmp_path))
    assert [e.epoch for e in epochs] == list(range(7))
    assert epochs[-1].terms["loss"] < 0.7 * epochs[1].terms["loss"]
    assert epochs[-1].images_per_second > 0
    assert 0 < epochs[-1].rank_me <= 1.01


@pytest.mark.parametrize("method", ["byol", "simclr", "supervised"])
def test_a_stopped_run_ends_bitwise_as_an_uninterrupted_one(tmp_path, method):
    images = blobs()
    plan = plan_for(images, method, epochs=3)
    list(pretrain(plan, images, tmp_path / "whole"))
    for after in (1, 2, 2):  # inside an epoch, at its end, inside another
        asked = []

        def stop(after=after, asked=asked) -> bool:
            asked.append(1)
            return len(asked) >= after

        with pytest.raises(Stopped, match="stopped at step"):
            list(pretrain(plan, images, tmp_path / "cut", stop=stop))
    epochs = list(pretrain(plan, images, tmp_path / "cut"))
    assert [e.epoch for e in epochs] == [0, 1, 2, 3]
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_checkpoints_on_the_way_stay_and_are_those_of_an_interrupted_run(tmp_path):
    images = blobs(64)
    plan = plan_for(images, "byol", epochs=3)
    list(pretrain(plan, images, tmp_path / "calm", keep=4))
    steps = 3 * (64 // plan.batch_size)
    asked = iter(range(1000))
    with pytest.raises(Stopped):
        list(pretrain(plan, images, tmp_path / "cut", keep=4, stop=lambda: next(asked) == steps // 2))
    list(pretrain(plan, images, tmp_path / "cut", keep=4))
    names = [f"{steps * number // 4:09d}.safetensors" for number in range(4)]
    for folder in ("calm", "cut"):
        assert sorted(file.name for file in (tmp_path / folder / "checkpoint").iterdir()) == [
            *names,
            "state.safetensors",
        ]
    for name in names:
        calm, cut = (load_file(tmp_path / folder / "checkpoint" / name) for folder in ("calm", "cut"))
        assert all(torch.equal(calm[key], cut[key]) for key in calm)
    first, last = (load_file(tmp_path / "calm" / "checkpoint" / names[at]) for at in (0, -1))
    assert any(not torch.equal(first[key], last[key]) for key in first)


def test_nothing_depends_on_the_global_generator(tmp_path):
    images = blobs()
    plan = plan_for(images, "byol", epochs=1)
    list(pretrain(plan, images, tmp_path / "a"))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    list(pretrain(plan, images, tmp_path / "b"))
    assert torch.equal(before, torch.get_rng_state())
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_nan_stops_with_the_step_and_the_term(tmp_path):
    images = blobs()
    steep = {"rate": 1e6, "warmup": 0.0}
    with pytest.raises(NonFiniteLoss, match=r"the features of 96 of 96 images are not finite.*--set rate="):
        list(pretrain(plan_for(images, "supervised", settings=steep, epochs=4), images, tmp_path / "short"))
    plan = plan_for(images, "supervised", settings=steep, epochs=2000)  # recorded after 30 steps
    with pytest.raises(
        NonFiniteLoss, match=r"step \d+: the term 'cross_entropy' of the loss is (nan|inf).*--set rate="
    ):
        list(pretrain(plan, images, tmp_path))
    saved = tmp_path / "checkpoint" / "state.safetensors"
    assert not saved.exists() or all(torch.isfinite(v).all() for k, v in load_file(saved).items() if "running" not in k)


def test_fewer_images_than_a_batch(tmp_path):
    images = blobs(20)
    with pytest.raises(
        ValueError, match="20 images are fewer than a batch of 32: use --batch-size 10 or give more images"
    ):
        list(pretrain(plan_for(images), images, tmp_path))


def test_supervised_shrinks_its_batch_and_sees_as_many_images():
    images = blobs(320)
    few = images.subset(np.arange(320))
    few.labels[20:] = -1
    plan = plan_for(few, "supervised", epochs=10)
    assert plan.batch_size == 20
    assert plan.epochs * 20 == pytest.approx(10 * 320, rel=0.05)


def test_supervised_sees_as_many_images_where_labels_do_not_fill_batches():
    images = blobs(320)
    images.labels[63:] = -1  # a batch of 32 shows 32 of the 63 labelled images in an epoch, not 63
    plan = plan_for(images, "supervised", epochs=10)
    assert plan.epochs * 32 == 10 * 320


def test_thousands_of_short_epochs_leave_a_short_record(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "RECORDS", 4)
    images = blobs(32)
    plan = plan_for(images, "supervised", epochs=14)
    epochs = list(pretrain(plan, images, tmp_path / "run"))
    assert [e.epoch for e in epochs] == [0, 3, 6, 9, 12, 14]
    assert epochs[1].terms["loss"] == pytest.approx(1.4, abs=1.0)  # a mean over three epochs, not their sum
    assert train_run(plan, images, tmp_path / "whole")["images_seen"] == 14 * 32


def test_accumulating_gives_the_gradient_of_the_whole_batch(tmp_path):
    # A ViT has no batch norm, so the parts of a batch do not speak with each other.
    images = blobs(64)
    vit = "vit_tiny_patch16_224?embed_dim=24&depth=1&num_heads=2&patch_size=8"
    for parts in (1, 4):
        plan = plan_for(images, "supervised", backbone=vit, epochs=1, batch_size=64, accumulate=parts)
        list(pretrain(plan, images, tmp_path / str(parts)))
    one, four = weights(tmp_path / "1"), weights(tmp_path / "4")
    assert all(torch.allclose(one[key], four[key], atol=1e-6) for key in one)


def test_a_batch_must_divide():
    images = blobs(64)
    with pytest.raises(ValueError, match="a batch of 32 does not divide into 5 equal parts"):
        Batches(plan_for(images, accumulate=5), images, torch.device("cpu"))


def test_every_image_once_an_epoch_and_another_order_each_time():
    images = blobs(64)
    loader = Batches(plan_for(images), images, torch.device("cpu"))
    first = torch.cat([loader.render_views(step, 0).index for step in (0, 1)])
    second = torch.cat([loader.render_views(step, 0).index for step in (2, 3)])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(64))
    assert first.tolist() != second.tolist()


def test_crops_are_drawn_per_image_and_differ_between_views_and_steps():
    images = blobs(64)
    loader = Batches(plan_for(images, batch_size=64), images, torch.device("cpu"))
    a, again, b = loader.render_views(0, 0), loader.render_views(0, 0), loader.render_views(1, 0)
    assert torch.equal(a.crops[0], again.crops[0])
    assert not torch.equal(a.crops[0], a.crops[1])
    assert not torch.equal(a.crops[0][a.index.argsort()], b.crops[0][b.index.argsort()])


def test_unknown_precision():
    with pytest.raises(ValueError, match="unknown precision 'bf6': did you mean 'bf16'"):
        fabric.start("bf6")


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    images = blobs()
    list(pretrain(plan_for(images, epochs=1), images, tmp_path))
    other = build_method(plan_for(images, "simclr"))
    with pytest.raises(ValueError, match=r"is of another model \(differs in .*\); delete it to start over"):
        checkpoint.load(tmp_path / "checkpoint" / "state.safetensors", plan_for(images, epochs=1).fingerprint, other)


def test_a_broken_checkpoint_says_what_to_do(tmp_path):
    place = tmp_path / "checkpoint" / "state.safetensors"
    place.parent.mkdir()
    place.write_bytes(b"not tensors")
    images = blobs()
    with pytest.raises(ValueError, match=r"cannot read .*state\.safetensors: .*; delete it to start over"):
        list(pretrain(plan_for(images, epochs=1), images, tmp_path))


def test_a_finished_run_is_found_and_another_plan_is_refused(tmp_path):
    images = blobs()
    first = train_run(plan_for(images, epochs=1), images, tmp_path)
    stamp = (tmp_path / "weights.safetensors").stat().st_mtime_ns
    assert train_run(plan_for(images, epochs=1), images, tmp_path) == first
    assert (tmp_path / "weights.safetensors").stat().st_mtime_ns == stamp
    with pytest.raises(ValueError, match=r"holds another run \(it differs in epochs\)"):
        train_run(plan_for(images, epochs=2), images, tmp_path)


def test_weights_are_the_backbones_and_load(tmp_path):
    images = blobs()
    train_run(plan_for(images, "byol", epochs=1), images, tmp_path)
    record, plan, backbone = load_run(tmp_path)
    assert record["id"] == record["id"].lower()
    assert plan.method == "byol"
    state = weights(tmp_path)
    for key, value in backbone.network.state_dict().items():
        assert torch.equal(value, state[f"method.backbone.inner.{key}"])
