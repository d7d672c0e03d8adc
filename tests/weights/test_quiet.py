"""What libraries say is kept from the terminal, and no thread takes another's streams for it."""

import io
import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout

import pytest

from zoo_analysis.weights.layers.architecture import blueprint
from zoo_analysis.weights.quiet import quietly

VIT = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"embed_dim": 24, "num_heads": 3, "depth": 1},
}


def process_state() -> tuple[object, ...]:
    return sys.stdout, sys.stderr, list(warnings.filters), logging.root.manager.disable


def test_the_main_thread_is_silent_inside_and_as_it_was_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = process_state()
    with quietly():
        print("printed")  # noqa: T201
        warnings.warn("warned", stacklevel=1)
        logging.getLogger("timm").error("logged")
    assert process_state() == before
    assert capsys.readouterr() == ("", "")


def test_architectures_built_in_threads_leave_the_process_alone() -> None:
    blueprint(VIT)  # imports timm, which adds filters of its own
    before, seen, over = process_state(), [], threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.append(process_state() == before)

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(blueprint, [VIT] * 20))
    over.set()
    watcher.join()
    assert all(built)
    assert all(seen)
    assert process_state() == before


def test_what_the_main_thread_prints_while_others_build_arrives() -> None:
    with redirect_stdout(io.StringIO()) as out, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(blueprint, VIT) for _ in range(20)]
        while not all(each.done() for each in waiting):
            print("x", end="")  # noqa: T201
        print("end")  # noqa: T201
    assert set(out.getvalue()) == set("xend\n")
    assert out.getvalue().endswith("end\n")
