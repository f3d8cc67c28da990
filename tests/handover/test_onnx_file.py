"""The ONNX file: any number of images, what it refuses to read, and what may not be written."""

from pathlib import Path

import numpy as np
import pytest
from handover import write_model
from small import blobs

from kogen.evaluation.features import NonFiniteFeatures
from kogen.handover import onnx_file
from kogen.handover.exported_model import load_model
from kogen.handover.onnx_file import load_onnx

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), "model.onnx", "model.safetensors") / "model.onnx"


def test_onnxruntime_alone_classifies_any_number_of_images(model: Path):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    images = blobs(channels=1)
    wanted = load_model(model.with_suffix(".safetensors")).probability(images)
    pixels = np.asarray(images.pixels[:]).transpose(0, 2, 3, 1)  # 16 px, as the network sees them
    for count in (1, 2, 96):
        found, features = session.run(["probability", "features"], {"pixels": pixels[:count]})
        np.testing.assert_allclose(found, wanted[:count], atol=1e-4)
        assert features.shape == (count, 64)
    np.testing.assert_allclose(load_onnx(model).probability(images), wanted, atol=1e-4)


def test_what_is_no_model_is_refused(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = tmp_path / "m.onnx"
    for content in (b"", b"\x80\x04.", b"PK\x03\x04", model.read_bytes()[:2000]):
        place.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot read .*; export the run again|is damaged"):
            load_onnx(place)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged or was not written by kogen|cannot read"):
        load_onnx(place)
    theirs = onnx.load(str(model))
    del theirs.metadata_props[:]
    onnx.save(theirs, str(place))
    with pytest.raises(ValueError, match="is damaged or was not written by kogen"):
        load_onnx(place)
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1,000 are read"):
        load_onnx(model)


def test_another_input_than_it_says_is_refused(model: Path, tmp_path: Path):
    theirs = onnx.load(str(model))
    old = next(one.value for one in theirs.metadata_props if one.key == "sha256")
    theirs.graph.output[0].name, theirs.graph.output[1].name = "features", "probability"
    for node in theirs.graph.node:
        node.output[:] = [
            {"probability": "features", "features": "probability"}.get(name, name) for name in node.output
        ]
        node.input[:] = [{"probability": "features", "features": "probability"}.get(name, name) for name in node.input]
    content = theirs.SerializeToString().replace(old.encode(), onnx_file.NO_SUM.encode())
    (tmp_path / "m.onnx").write_bytes(onnx_file.seal(content))
    with pytest.raises(ValueError, match="it is no model that kogen writes"):
        load_onnx(tmp_path / "m.onnx")


def test_a_model_that_differs_too_much_is_not_written(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_file, "PARITY", -1.0)
    with pytest.raises(ValueError, match=r"onnxruntime and torch differ by .* in a probability, at most .* is allowed"):
        onnx_file.save_onnx(load_model(model.with_suffix(".safetensors")), blobs(4, channels=1), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_written_is_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr(onnx_file.torch.onnx, "export", fail)
    with pytest.raises(ValueError, match=r"resnet18.* cannot be written as ONNX \(no such operation\)"):
        onnx_file.save_onnx(load_model(model.with_suffix(".safetensors")), blobs(4, channels=1), tmp_path / "m.onnx")


def test_features_that_are_not_finite_are_said(model: Path):
    read = load_onnx(model)
    broken = onnx_file.OnnxModel(read.network, read.origin, lambda x: [x, np.full((len(x), 3), np.nan)])
    with pytest.raises(NonFiniteFeatures, match="the features of 4 of 4 images are not finite"):
        broken.features(blobs(4, channels=1))
