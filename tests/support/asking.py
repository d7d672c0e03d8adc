"""The `zoo` command in this process, and a few small stores."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from zoo_analysis.cli import main

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "published" / "vgg-2020.csv"


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def zoo(*arguments: object) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())
