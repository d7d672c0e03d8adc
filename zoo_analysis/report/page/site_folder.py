"""The folder of a report, in which only files that changed are written."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from hashlib import blake2s
from pathlib import Path
from typing import Final

from zoo_analysis.errors import ZooError

#: The report's own list of its files.
MANIFEST: Final = "report.json"
_MADE_BY: Final = "zoo report"
#: Names that a report's files can have.
_NAME: Final = re.compile(r"([a-z]+/)?[a-z0-9-]{1,80}\.(html|js|css|png|svg)")


class SiteFolder(AbstractContextManager["SiteFolder"]):
    """A report's files, of which those that are the same already are left alone.

    They are listed from the start, and whatever ends their making, so that the next report can go
    on. Left without an error, the folder loses what the earlier report had and this has not.

    Args:
        folder: new, empty, or that of an earlier report.

    Attributes:
        path: of the folder.
        written, unchanged, removed: files, as far as they are told of.
        bytes: of all files.

    Raises:
        ZooError: a folder of something else, or one that cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder)
        self.written = self.unchanged = self.removed = self.bytes = 0
        self._files: dict[str, str] = {}
        self._before = self._known()
        self.note()

    def _known(self) -> dict[str, str]:
        """The files of the earlier report, each with the key that it was made by."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not any(self.path.iterdir()):
                return {}
            told = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
            if told["made_by"] != _MADE_BY:
                raise ValueError(told["made_by"])
            files = {str(name): str(key) for name, key in told["files"].items()}
            return {name: key for name, key in files.items() if _NAME.fullmatch(name)}
        except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ZooError(
                f"{self.path} has files and is no report: name a new folder, or an empty one"
            ) from error
        except OSError as error:
            raise ZooError(f"cannot write {self.path}: {error.strerror or error}") from error

    def keep(self, names: Sequence[str], key: str) -> bool:
        """True of files that are all there, made by this key: they stay as they are.

        Args:
            names: relative to the folder.
            key: of all that they depend on.
        """
        paths = [self.path / name for name in names]
        if not all(self._before.get(name) == key for name in names):
            return False
        if not all(path.is_file() for path in paths):
            return False
        self._files |= dict.fromkeys(names, key)
        self.unchanged += len(names)
        self.bytes += sum(path.stat().st_size for path in paths)
        return True

    def write(self, name: str, made: str | bytes, key: str | None = None) -> None:
        """A file with this content, replaced at once where it is there and differs.

        Args:
            name: relative to the folder.
            made: text, or bytes of a picture.
            key: of all that it depends on, for `keep`; None is the content's hash.

        Raises:
            ZooError: it cannot be written.
        """
        content = made.encode(errors="replace") if isinstance(made, str) else made
        self._files[name] = key or blake2s(content, digest_size=8).hexdigest()
        self._count(len(content), changed=self._put(name, content))

    def note(self) -> None:
        """List the files so far and those of the earlier report, for whoever goes on after an end.

        Raises:
            ZooError: it cannot be written.
        """
        self._put(MANIFEST, self._listed(self._before | self._files))

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        if kind is not None:
            with suppress(ZooError):  # what broke it is told, not this
                self.note()
            return
        self._remove()
        self._put(MANIFEST, listed := self._listed(self._files))
        self._count(len(listed), changed=self._files != self._before)

    def _listed(self, files: Mapping[str, str]) -> bytes:
        told = {"made_by": _MADE_BY, "files": dict(sorted(files.items()))}
        return json.dumps(told, indent=0).encode()

    def _count(self, size: int, *, changed: bool) -> None:
        self.bytes += size
        self.written += changed
        self.unchanged += not changed

    def _put(self, name: str, content: bytes) -> bool:
        """Write a file at once, and say whether it was another before."""
        path = self.path / name
        new = path.with_name(f".{path.name}.new")
        try:
            if path.is_file() and path.read_bytes() == content:
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.write_bytes(content)
                os.replace(new, path)
            finally:
                new.unlink(missing_ok=True)
        except OSError as error:
            raise ZooError(f"cannot write {path}: {error.strerror or error}") from error
        return True

    def _remove(self) -> None:
        """What the earlier report had and this has not."""
        root = self.path.resolve()
        for name in self._before.keys() - self._files.keys():
            path = (root / name).resolve()
            try:
                if path.is_file() and path.is_relative_to(root):
                    path.unlink()
                    self.removed += 1
            except OSError as error:
                raise ZooError(f"cannot remove {path}: {error.strerror or error}") from error
