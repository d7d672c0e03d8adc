"""The loopback hub's answers over HTTP/1.1."""

import hashlib
import json
import re
import socket
import struct
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.support.loopback_repos import LFS, Repo

if TYPE_CHECKING:
    from tests.support.loopback import Hub

_INFO = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
_TREE = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(/(?P<path>.*))?")
_RESOLVE = re.compile(r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_SORTS = {"createdAt": "created", "lastModified": "modified"}
_BLOCK = 1 << 18


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    hub: "Hub"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news."""


class Stop(Exception):
    """The answer has been given."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    fault: str | None = None

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        with suppress(Stop):
            self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        path, query = url.path, parse_qs(url.query)
        self.kind = (
            "cdn"
            if path.startswith("/cdn/")
            else "list"
            if path == "/api/models"
            else "tree"
            if _TREE.fullmatch(path)
            else "info"
            if _INFO.fullmatch(path)
            else "resolve"
        )
        self.server.hub.note(self.kind, self.path)
        self._fail(self.path)
        if self.kind == "cdn":
            self._storage(path, query)
        token = self._token()
        if self.kind == "list":
            self._list(query)
        elif self.kind == "info":
            match = _INFO.fullmatch(path)
            repo, sha = self._find(match["id"], match["revision"] or "main", token)
            self._json(repo.info(sha, query.get("expand", []), "blobs" in query))
        elif self.kind == "tree":
            match = _TREE.fullmatch(path)
            repo, sha = self._find(match["id"], unquote(match["revision"]), token)
            self._json(
                [
                    {"type": "file", "path": name, "size": file.stat().st_size, "oid": "0" * 40}
                    for name, file in repo.files(sha).items()
                ]
            )
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(match, token)
        else:
            self._error(404, "EntryNotFound", "no such page")

    def _fail(self, path: str) -> None:
        """Whatever is due to go wrong now."""
        faults = self.server.hub.faults
        if out := faults.is_out():
            if out.kind == "refused":
                self.server.hub.refuse(out.seconds)
                self._reset()
            self._error(503, "", "Service Unavailable")
        self.fault = faults.draw(path)
        if self.fault == "429":
            extra = {"Retry-After": str(faults.retry_after)}
            self._error(429, "", "Too Many Requests", extra)
        elif self.fault in ("500", "503"):
            self._error(int(self.fault), "", "Internal Error")
        elif self.fault == "reset":
            self._reset()
        elif self.fault == "slow":
            self._wait(faults.delay)

    def _wait(self, seconds: float) -> None:
        # Counted here alone: a client has its answer before the server's thread is done with it.
        hub, kinds = self.server.hub, {"all", self.kind}
        with hub.lock:
            hub.busy.update(kinds)
            hub.most |= hub.busy
        time.sleep(seconds)
        with hub.lock:
            hub.busy.subtract(kinds)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        raise Stop

    def _token(self) -> str | None:
        header = self.headers.get("Authorization")
        if header is None:
            return None
        token = header.removeprefix("Bearer ")
        if token not in self.server.hub.tokens:
            self._error(401, "", "Invalid credentials in Authorization header")
        return token

    def _find(self, repo_id: str, revision: str, token: str | None) -> tuple[Repo, str]:
        hub = self.server.hub
        if new := hub.renamed.get(repo_id):
            target = self.path.replace(f"/{repo_id}", f"/{new}", 1)
            self._answer(307, b"", {"Location": target})
        repo = hub.repos.get(repo_id)
        if repo is None or (repo.private and token is None):
            self._error(404 if token else 401, "RepoNotFound", "Repository not found")
        sha = repo.sha_of(unquote(revision))
        if sha is None:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo, sha

    def _list(self, query: dict[str, list[str]]) -> None:
        hub = self.server.hub
        one = {key: values[0] for key, values in query.items()}
        found = []
        for repo in hub.repos.values():
            tags = set(
                repo.info(repo.main, ["tags", "library_name", "pipeline_tag"]).get("tags", [])
            )
            card = repo.card(repo.main)
            about = tags | {repo.library_name, card.get("library_name")}
            about |= {repo.pipeline_tag, card.get("pipeline_tag")}
            if one.get("author") not in (None, repo.repo_id.split("/")[0]):
                continue
            if one.get("search", "").lower() not in repo.repo_id.lower():
                continue
            if not about.issuperset(query.get("filter", [])):
                continue
            if "pipeline_tag" in one and one["pipeline_tag"] not in about:
                continue
            if not repo.private:
                found.append(repo)
        if key := _SORTS.get(one.get("sort", ""), ""):
            found.sort(key=lambda repo: (getattr(repo, key), repo.repo_id), reverse=True)
        size = min(int(one.get("limit", hub.page)), hub.page)
        start = int(one.get("cursor", 0))
        page = [
            repo.info(repo.main, query.get("expand", [])) for repo in found[start : start + size]
        ]
        extra = {}
        if start + size < len(found):
            rest = [(k, v) for k, values in query.items() for v in values if k != "cursor"]
            link = f"{hub.url}/api/models?{urlencode([*rest, ('cursor', str(start + size))])}"
            extra["Link"] = f'<{link}>; rel="next"'
        self._json(page, extra)

    def _resolve(self, match: re.Match[str], token: str | None) -> None:
        hub = self.server.hub
        repo, sha = self._find(match["id"], match["revision"], token)
        if repo.gated and token not in repo.allowed:
            what = f"Access to model {repo.repo_id} is restricted"
            self._error(403 if token else 401, "GatedRepo", what)
        name = unquote(match["path"])
        file = repo.files(sha).get(name)
        if file is None:
            self._error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": sha})
        size = file.stat().st_size
        about = {"X-Repo-Commit": sha, "ETag": f'"{_etag(file)}"'}
        if hub.redirect and name.endswith(LFS):
            about |= {"X-Linked-Etag": f'"{_etag(file)}"', "X-Linked-Size": str(size)}
            where = f"{hub.storage}/cdn/{repo.repo_id}/{sha}/{name}?sig={hub.signature}"
            self._answer(302, b"", about | {"Location": where})
        self._file(file, about)

    def _storage(self, path: str, query: dict[str, list[str]]) -> None:
        hub = self.server.hub
        if self.headers.get("Authorization"):
            hub.leaks += 1
        if query.get("sig") != [str(hub.signature)]:
            self._answer(403, b"expired", {})
        owner, name, sha, file = unquote(path.removeprefix("/cdn/")).split("/", 3)
        home = hub.repos[f"{owner}/{name}"].revisions[sha]
        self._file(home / file, {})

    def _file(self, file: Path, about: dict[str, str]) -> None:
        size = file.stat().st_size
        start, stop, status = 0, size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not self.server.hub.faults.ignore_range:
            start = int(asked[1])
            stop = min(int(asked[2] or size - 1) + 1, size)
            if start >= size:
                self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
            status, about = 206, about | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        self._head(status, stop - start, about)
        if self.command != "HEAD":
            if self.fault == "short":
                stop = start + (stop - start) // 2
            with file.open("rb") as stream:
                stream.seek(start)
                while start < stop:
                    block = stream.read(min(_BLOCK, stop - start))
                    self._write(block)
                    start += len(block)
            if self.fault == "short":
                self.close_connection = True
        raise Stop

    def _json(self, content: Any, extra: dict[str, str] | None = None) -> None:
        self._answer(
            200, json.dumps(content).encode(), {"Content-Type": "application/json"} | (extra or {})
        )

    def _error(
        self, status: int, code: str, message: str, extra: dict[str, str] | None = None
    ) -> None:
        about = {"X-Error-Code": code} if code else {}
        body = json.dumps({"error": message}).encode()
        self._answer(status, body, about | {"X-Error-Message": message} | (extra or {}))

    def _answer(self, status: int, body: bytes, about: dict[str, str]) -> None:
        self._head(status, len(body), about)
        if self.command != "HEAD":
            if self.fault == "short" and body:
                body, self.close_connection = body[: len(body) // 2], True
            self._write(body)
        raise Stop

    def _head(self, status: int, length: int, about: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(length)} | about).items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, block: bytes) -> None:
        try:
            self.wfile.write(block)
        except OSError:  # the client has hung up
            self.close_connection = True
            raise Stop from None
        with self.server.hub.lock:
            self.server.hub.sent[self.kind] += len(block)


def _etag(file: Path) -> str:
    stat = file.stat()
    return hashlib.sha256(f"{file} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()
