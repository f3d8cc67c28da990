"""A push against a hub on this machine, through huggingface_hub's own client; what must not be written is not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import TOKEN, FakeHub, FakeRepository, serve_hub
from huggingface_hub import HfApi
from small import blobs, plan_for

import kogen
from kogen.handover import push
from kogen.training.run import load_run, train_run

VIT = "vit_tiny_patch16_224?embed_dim=48&depth=1&num_heads=3"
FILES = {"README.md", "config.json", "model.safetensors", ".gitattributes"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images, root = blobs(), tmp_path_factory.mktemp("pushed")
    train_run(plan_for(images, "random", backbone=VIT), images, root / "run")
    return root / "run"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serve_hub() as hub:
        monkeypatch.setattr(push, "make_api", lambda: HfApi(endpoint=hub.url, token=TOKEN))
        yield hub


def test_a_new_repository_is_made_and_filled_in_one_commit(run: Path, hub: FakeHub, capsys: pytest.CaptureFixture[str]):
    told = kogen.push("hf:me/vit", model=run, private=True)
    assert hub.repositories["me/vit"].private
    assert set(hub.repositories["me/vit"].branches["main"]) == FILES
    assert told.splitlines()[1] == "import timm; m = timm.create_model('hf-hub:me/vit', pretrained=True).eval()"
    assert told.startswith(f"{hub.url}/me/vit/commit/")
    said = " ".join(capsys.readouterr().err.split())
    assert "uploading: model.safetensors (" in said
    assert "to the new repository me/vit, private, branch main" in said
    assert sum("/commit/" in line for line in hub.asked) == 1
    assert not run.joinpath("README.md").exists()


def test_the_same_run_again_changes_nothing_and_asks_nothing(run: Path, hub: FakeHub):
    kogen.push("hf:me/vit", model=run)
    before = dict(hub.repositories["me/vit"].branches["main"])
    kogen.push("hf:me/vit", model=run)
    assert hub.repositories["me/vit"].branches["main"] == before


def test_a_branch_is_made(run: Path, hub: FakeHub):
    told = kogen.push("hf:me/vit", model=run, revision="v2")
    mine = hub.repositories["me/vit"].branches
    assert (set(mine["main"]), set(mine["v2"])) == ({".gitattributes"}, FILES)
    assert "hf-hub:me/vit@v2" in told


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"pytorch_model.bin": b"theirs"},
            r"me/vit holds files that `kogen push` does not write \(pytorch_model.bin\)",
        ),
        ({"config.json": b"{}", "README.md": b""}, "me/vit holds a model that kogen has not written, and this is"),
        (
            {"config.json": b'{"kogen": {"run": "0123"}}'},
            "me/vit holds the run 0123, and this is .*: choose another name",
        ),
    ],
)
def test_what_others_wrote_stays_without_force(files: dict[str, bytes], message: str, run: Path, hub: FakeHub):
    hub.repositories["me/vit"] = FakeRepository(branches={"main": dict(files)})
    with pytest.raises(ValueError, match=message):
        kogen.push("hf:me/vit", model=run)
    assert hub.repositories["me/vit"].branches["main"] == files
    kogen.push("hf:me/vit", model=run, force=True)
    assert set(hub.repositories["me/vit"].branches["main"]) == (FILES - {".gitattributes"}) | set(files)


def test_a_private_model_is_not_put_where_everybody_reads(run: Path, hub: FakeHub):
    hub.repositories["me/vit"] = FakeRepository(private=False)
    with pytest.raises(ValueError, match="me/vit is there and public, and --private is asked for"):
        kogen.push("hf:me/vit", model=run, private=True, force=True)
    assert set(hub.repositories["me/vit"].branches["main"]) == {".gitattributes"}


def test_a_commit_of_somebody_else_in_between_is_not_lost(run: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch):
    hub.repositories["me/vit"] = FakeRepository()
    look = push.look_at

    def look_and_wait(*asked: object) -> object:
        found = look(*asked)  # type: ignore[arg-type]
        hub.repositories["me/vit"].branches["main"]["theirs.txt"] = b"new"
        return found

    monkeypatch.setattr(push, "look_at", look_and_wait)
    with pytest.raises(ValueError, match=r"me/vit was changed by somebody else meanwhile \(412\)"):
        kogen.push("hf:me/vit", model=run)
    assert set(hub.repositories["me/vit"].branches["main"]) == {".gitattributes", "theirs.txt"}


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_write_is_told_how_to_log_in(status: int, run: Path, hub: FakeHub):
    hub.refuse = status
    with pytest.raises(
        ValueError, match=rf"me/vit: .*\({status}\); log in with `hf auth login`, or set HF_TOKEN"
    ) as caught:
        kogen.push("hf:me/vit", model=run)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["me/vit", "hf:vit", "hf:me/../vit", "hf:me/vit/more", "hf:/vit", "hub:me/vit", "hf:me/a b"]
)
def test_a_target_that_is_no_repository(target: str, run: Path, hub: FakeHub):
    with pytest.raises(ValueError, match="is no repository of a hub: write hf:OWNER/NAME"):
        kogen.push(target, model=run)
    with pytest.raises(ValueError, match=r"--revision '\.\./x' is no name of a branch"):
        kogen.push("hf:me/vit", model=run, revision="../x")
    assert not hub.asked


def test_an_unfinished_run_is_refused_before_the_hub_is_asked(run: Path, tmp_path: Path, hub: FakeHub):
    (tmp_path / "plan.json").write_text((run / "plan.json").read_text())
    with pytest.raises(ValueError, match="has no weights yet: its training is not finished"):
        kogen.push("hf:me/vit", model=tmp_path)
    assert not hub.asked


def test_without_the_package_and_without_a_network_it_says_so(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(push, "make_api", lambda: HfApi(endpoint="http://127.0.0.1:9", token=TOKEN))
    with pytest.raises(ValueError, match="me/vit: the hub cannot be reached"):
        kogen.push("hf:me/vit", model=run)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'kogen\[hf\]'"):
        kogen.push("hf:me/vit", model=run)


@pytest.mark.slow
def test_the_command_line_finds_the_token_and_keeps_it_to_itself(run: Path, tmp_path: Path):
    """The client finds endpoint and token as usual; timm opens from the hub what was pushed."""
    code = "import timm; print(timm.create_model('hf-hub:me/vit', pretrained=True).num_features)"
    with serve_hub() as hub:
        more = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-m", "kogen", "push", str(run), "hf:me/vit"],
            capture_output=True, text=True, env=os.environ | more, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        writing = {line.split()[0] for line in hub.asked} & {"POST"}
        assert writing
        assert f"Bearer {TOKEN}" in hub.tokens
        written = (
            [file for file in (tmp_path / "home").rglob("*") if file.is_file()] if (tmp_path / "home").exists() else []
        )
        assert not any(TOKEN.encode() in file.read_bytes() for file in written)
        again = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | more, timeout=300
        )
        assert again.stdout.strip() == str(load_run(run)[2].dim), again.stderr
