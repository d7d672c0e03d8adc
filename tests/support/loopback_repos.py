"""Repositories of a loopback hub: directories, and what the hub's API says of them."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zoo_analysis.weights.readers.byte_source import FileBytes
from zoo_analysis.weights.readers.safetensors_header import read_header

LFS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf")
_HF_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}
#: What the hub's API keeps of a config.json; the rest is in the file alone.
_CONFIG_KEYS = ("architecture", "architectures", "model_type", "quantization_config")


@dataclass(eq=False)
class Repo:
    """One repository: its main branch, and every revision that it had."""

    repo_id: str
    revisions: dict[str, Path] = field(default_factory=dict)
    main: str = ""
    gated: str | bool = False
    allowed: set[str] = field(default_factory=set)
    private: bool = False
    created: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    modified: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    downloads: int = 0
    likes: int = 0
    eval_results: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    library_name: str | None = None
    pipeline_tag: str | None = None

    def push(self, directory: Path, when: datetime | None = None) -> str:
        """A new commit with the files of `directory`; older revisions stay readable."""
        digest = hashlib.sha1(self.repo_id.encode())
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                stat = file.stat()
                digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}".encode())
        self.main = digest.hexdigest()
        self.revisions[self.main] = directory
        if when is not None:
            self.modified = when
        return self.main

    @cache  # noqa: B019
    def files(self, sha: str) -> dict[str, Path]:
        root = self.revisions[sha]
        return {
            str(file.relative_to(root)): file for file in sorted(root.rglob("*")) if file.is_file()
        }

    def sha_of(self, revision: str) -> str | None:
        if revision == "main":
            return self.main
        found = [sha for sha in self.revisions if sha.startswith(revision)]
        return found[0] if len(found) == 1 and len(revision) >= 7 else None

    def info(self, sha: str, expand: list[str], blobs: bool = False) -> dict[str, Any]:
        """The API's description: all of it, or `expand`'s properties."""
        card = self.card(sha)
        full: dict[str, Any] = {
            "sha": sha,
            "author": self.repo_id.split("/")[0],
            "createdAt": _stamp(self.created),
            "lastModified": _stamp(self.modified),
            "private": self.private,
            "gated": self.gated,
            "disabled": False,
            "downloads": self.downloads,
            "likes": self.likes,
            "tags": [
                *self.tags,
                *(card["tags"] if isinstance(card.get("tags"), list) else []),
                *([f"license:{card['license']}"] if "license" in card else []),
            ],
            "library_name": card.get("library_name") or self.library_name,
            "pipeline_tag": card.get("pipeline_tag") or self.pipeline_tag,
            "cardData": {key: value for key, value in card.items() if key != "model-index"},
            "config": self.config(sha),
            "siblings": [
                {"rfilename": name} | ({"size": file.stat().st_size} if blobs else {})
                for name, file in self.files(sha).items()
            ],
            "model-index": card.get("model-index"),
            "evalResults": self.eval_results or None,
            "baseModels": None,
            "safetensors": self.safetensors(sha),
        }
        if expand:
            full = {key: value for key, value in full.items() if key in expand}
        return {"id": self.repo_id, "modelId": self.repo_id} | {
            key: value for key, value in full.items() if value is not None
        }

    @cache  # noqa: B019 - a commit never changes, and a test is short
    def card(self, sha: str) -> dict[str, Any]:
        text = self._text(sha, "README.md")
        match = re.match(r"---\n(.*?)\n---", text or "", re.DOTALL)
        return yaml.load(match[1], yaml.CSafeLoader) if match else {}

    @cache  # noqa: B019
    def config(self, sha: str) -> dict[str, Any] | None:
        text = self._text(sha, "config.json")
        try:
            whole = json.loads(text) if text else None
        except (ValueError, RecursionError):  # the hub says nothing of it either
            return None
        if not isinstance(whole, dict):
            return None
        return {key: whole[key] for key in _CONFIG_KEYS if key in whole}

    @cache  # noqa: B019
    def safetensors(self, sha: str) -> dict[str, Any] | None:
        counts: dict[str, int] = {}
        for name, file in self.files(sha).items():
            if not name.endswith(".safetensors"):
                continue
            try:
                entries = read_header(FileBytes(file)).entries.values()
            except Exception:  # the hub says nothing of files it cannot read either
                return None
            for entry in entries:
                bytes_each = {"float64": 8, "float32": 4}.get(entry.dtype, 2)
                dtype = _HF_DTYPES.get(entry.dtype, entry.dtype)
                count = (entry.stop - entry.start) // bytes_each
                counts[dtype] = counts.get(dtype, 0) + count
        return {"parameters": counts, "total": sum(counts.values())} if counts else None

    def _text(self, sha: str, name: str) -> str | None:
        file = self.revisions[sha] / name
        return file.read_text(errors="replace") if file.is_file() else None


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
