"""A model to a hub: what will be uploaded is said first, and nothing of anybody else is written over."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kogen.common.files import read_json
from kogen.common.speech.console import say
from kogen.handover.hub_folder import FILES, HubModel, open_hub_model, write_hub_folder
from kogen.options.hub import PushOptions

TARGET = re.compile(r"hf:([\w][\w.-]{0,95}/[\w][\w.-]{0,95})", re.ASCII)
BRANCH = re.compile(r"[\w][\w./-]{0,95}", re.ASCII)
BEGUN = {".gitattributes", *FILES}  # what a repository has that kogen wrote
CLIENTS = ("httpx", "httpx2", "requests", "urllib3")  # whose errors mean that there is no network
LOGIN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write there"


@dataclass(frozen=True)
class Repository:
    """What lies on a hub."""

    private: bool
    files: frozenset[str] | None  # of the branch; None where there is no such branch yet
    sha: str | None = None  # of the last commit of the branch


def push_model(target: str, options: PushOptions) -> str:
    """Upload a model to `hf:OWNER/NAME`; the address and the line of Python that opens it.

    ValueError for a target that is none, an unfinished run, a network that timm cannot make, a repository with other
    content (without `force`), a public one where a private one is asked for, and for whatever the hub refuses.
    """
    found = TARGET.fullmatch(target)
    if not found or ".." in target or "--" in target:
        raise ValueError(f"{target!r} is no repository of a hub: write hf:OWNER/NAME")
    if not BRANCH.fullmatch(options.revision) or ".." in options.revision:
        raise ValueError(f"--revision {options.revision!r} is no name of a branch")
    api, name = make_api(), found[1]
    with TemporaryDirectory(prefix="kogen-push-") as folder:
        model = open_hub_model(options.model)
        write_hub_folder(model, Path(folder))
        with explain_hub(name):
            return upload(api, name, model, Path(folder), options)


def make_api() -> Any:
    """The client of the hub, which finds the token of the user by itself. ValueError where it is not installed."""
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ValueError("`kogen push` takes huggingface_hub: pip install 'kogen[hf]'") from error
    return HfApi(library_name="kogen")


def upload(api: Any, name: str, model: HubModel, folder: Path, options: PushOptions) -> str:
    """Look at what is there, say what will be uploaded, and do it in one commit on top of what was looked at."""
    there = look_at(api, name, options.revision)
    if there:
        check_repository(api, name, there, model, options)
    sizes = [f"{file} ({(folder / file).stat().st_size / 1e6:,.2f} MB)" for file in FILES]
    kind = "private" if options.private or (there and there.private) else "public"
    what = "the repository" if there else "the new repository"
    say(f"{', '.join(sizes)} to {what} {name}, {kind}, branch {options.revision}", title="uploading")
    api.create_repo(name, private=options.private, exist_ok=there is not None)
    if options.revision != "main":
        api.create_branch(name, branch=options.revision, exist_ok=True)
    done = api.upload_folder(
        repo_id=name,
        folder_path=folder,
        allow_patterns=list(FILES),
        revision=options.revision,
        # On top of the commit that was looked at: the hub refuses where somebody has written since.
        parent_commit=there.sha if there else None,
        commit_message=f"{model.facts.framework}, run {model.run}, by kogen",
    )
    at = "" if options.revision == "main" else f"@{options.revision}"
    loading = f"import timm; m = timm.create_model('hf-hub:{name}{at}', pretrained=True).eval()"
    return f"{done.commit_url}\n{loading}"


def look_at(api: Any, name: str, branch: str) -> Repository | None:
    """What lies in a repository, on a branch; None where there is no repository, or none that may be seen."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        found = api.model_info(name, revision=branch)
    except RevisionNotFoundError:
        return Repository(bool(api.model_info(name).private), None)
    except RepositoryNotFoundError:
        return None
    return Repository(bool(found.private), frozenset(part.rfilename for part in found.siblings or ()), found.sha)


def check_repository(api: Any, name: str, there: Repository, model: HubModel, options: PushOptions) -> None:
    """ValueError for a repository that must not be written to: public, of somebody else, or of another run."""
    if options.private and not there.private:
        raise ValueError(
            f"{name} is there and public, and --private is asked for: choose another name, or make it private"
        )
    if options.force or not there.files or not there.files - {".gitattributes"}:
        return
    cure = "choose another name, or write over it with --force (other files stay)"
    if odd := sorted(there.files - BEGUN):
        raise ValueError(f"{name} holds files that `kogen push` does not write ({', '.join(odd[:3])}): {cure}")
    run = read_run(api, name, there)
    if run != model.run:
        got = f"the run {run}" if run else "a model that kogen has not written"
        raise ValueError(f"{name} holds {got}, and this is {model.run}: {cure}")


def read_run(api: Any, name: str, there: Repository) -> str:
    """The run that a repository says it holds; empty where it says none."""
    if "config.json" not in (there.files or ()):
        return ""
    with TemporaryDirectory(prefix="kogen-hub-") as folder:
        place = api.hf_hub_download(name, "config.json", revision=there.sha, local_dir=folder)
        said = read_json(Path(place))
    mine = said.get("kogen") if isinstance(said, dict) else None
    return str(mine.get("run", "")) if isinstance(mine, dict) else ""


@contextmanager
def explain_hub(name: str) -> Iterator[None]:
    """Errors of the client as one sentence; the token is in none of them."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise ValueError(f"{name}: nobody is logged in; {LOGIN}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ValueError(f"{name}: the hub does not let you write there ({status}); {LOGIN}") from error
        if status in (409, 412):
            raise ValueError(
                f"{name} was changed by somebody else meanwhile ({status}): run the same command again"
            ) from error
        raise ValueError(f"{name}: the hub answered {status}: {first_line(error.server_message or error)}") from error
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in CLIENTS:
            raise
        raise ValueError(f"{name}: the hub cannot be reached: {first_line(error)}") from error


def first_line(error: Any) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
