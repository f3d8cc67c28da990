"""A hub on this machine: the part of its HTTP interface that huggingface_hub asks when a model is pushed and read."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_" + "x" * 34


@dataclass
class FakeRepository:
    """What a repository holds, by branch; a branch's sha changes with every commit."""

    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {".gitattributes": b""}})

    def sha(self, branch: str) -> str:
        content = self.branches[branch]
        return hashlib.sha1(
            repr(sorted((k, hashlib.sha1(v).hexdigest()) for k, v in content.items())).encode()
        ).hexdigest()


@dataclass
class FakeHub:
    """Repositories by name, and what was asked of the hub."""

    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuse: int = 0  # status of every answer to what would write
    url: str = ""


@contextmanager
def serve_hub() -> Iterator[FakeHub]:
    """A hub that lives as long as the context."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def answer(self, status: int, content: Any = None, **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def missing(self, kind: str) -> None:
            self.answer(404, {"error": kind}, X_Error_Code=kind)

        def route(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            hub.tokens.add(self.headers.get("Authorization", ""))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            if path == "/api/repos/create":
                self.create(json.loads(body))
            elif path == "/api/validate-yaml":
                said = yaml.safe_load(json.loads(body)["content"].split("---")[1])
                odd = [] if {"library_name", "pipeline_tag", "tags"} <= set(said) else [{"message": "no metadata"}]
                self.answer(400 if odd else 200, {"errors": odd, "warnings": []})
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(branch|preupload|commit)/(.+)", path):
                self.change(found[1], found[2], found[3], body)
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self.tell(found[1], found[2] or "main")
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self.fetch(*found.groups())
            else:
                self.missing("EntryNotFound")

        do_GET = do_HEAD = do_POST = route

        def create(self, asked: dict[str, Any]) -> None:
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            if hub.refuse:
                return self.answer(hub.refuse, {"error": "no"})
            if name in hub.repositories:
                return self.answer(409, {"url": f"{hub.url}/{name}"})
            private = bool(asked.get("private")) or asked.get("visibility") == "private"
            hub.repositories[name] = FakeRepository(private)
            return self.answer(200, {"url": f"{hub.url}/{name}"})

        def tell(self, name: str, branch: str) -> None:
            if name not in hub.repositories:
                return self.missing("RepoNotFound")
            mine = hub.repositories[name]
            if branch not in mine.branches:
                return self.missing("RevisionNotFound")
            files = [{"rfilename": file} for file in mine.branches[branch]]
            known = {"id": name, "modelId": name, "private": mine.private, "sha": mine.sha(branch), "siblings": files}
            return self.answer(200, known | {"tags": [], "downloads": 0, "likes": 0})

        def change(self, name: str, what: str, branch: str, body: bytes) -> None:
            mine = hub.repositories[name]
            if what == "branch":
                mine.branches.setdefault(branch, dict(mine.branches["main"]))
                return self.answer(200)
            if what == "preupload":
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self.answer(200, {"files": files})
            lines = [json.loads(line) for line in body.splitlines()]
            parent = lines[0]["value"].get("parentCommit")
            if parent not in (None, mine.sha(branch)):
                return self.answer(412, {"error": "A commit has happened since"})
            for line in lines[1:]:
                mine.branches[branch][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            sha = mine.sha(branch)
            return self.answer(200, {"commitUrl": f"{hub.url}/{name}/commit/{sha}", "commitOid": sha, "success": True})

        def fetch(self, name: str, revision: str, file: str) -> None:
            mine = hub.repositories.get(name)
            if mine is None:
                return self.missing("RepoNotFound")
            branch = next((each for each in mine.branches if revision in (each, mine.sha(each))), None)
            if branch is None or file not in mine.branches[branch]:
                return self.missing("EntryNotFound")
            content = mine.branches[branch][file]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            return self.answer(200, content, ETag=etag, X_Repo_Commit=mine.sha(branch))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
