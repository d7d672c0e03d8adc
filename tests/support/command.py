"""The `zoo` command in this process: most of a process of its own would be its imports."""

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo_analysis.cli import main


@dataclass(frozen=True)
class Answer:
    """Exit status, standard output and standard error of a command."""

    code: int
    out: str
    err: str


def zoo(*arguments: object, cwd: Path | None = None, width: int = 400) -> Answer:
    """Run a command as `zoo` would, on a terminal of a width, and without ``$ZOO_STORE``."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.delenv("ZOO_STORE", raising=False)
        patch.setenv("COLUMNS", str(width))
        if "XDG_CONFIG_HOME" not in os.environ:  # a test's own; never the developer's
            patch.setenv("XDG_CONFIG_HOME", os.devnull)
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())
