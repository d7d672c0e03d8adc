"""What the documents submit to Ray is what Ray and `zoo` take."""

import re
import shlex
from pathlib import Path

import pytest
from ray.dashboard.modules.job.cli import submit

from tests.jobs.clusters import ROOT, options_of

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "docs" / "cluster.md",
    *sorted((ROOT / "jobs").glob("*.py")),
]
LINE = re.compile(r"ray job submit [^`\n]*(?:\\\n[^`\n]*)*")


def submitted(document: Path) -> list[str]:
    """The command lines of a document."""
    lines = (match.group().replace("\\\n", " ") for match in LINE.finditer(document.read_text()))
    return [line.partition("  #")[0] for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_submitted_line_is_understood(document: Path) -> None:
    assert submitted(document)
    for line in submitted(document):
        _, _, _, *arguments = shlex.split(line)
        told = submit.make_context("submit", arguments).params
        command = list(told["entrypoint"])
        if command[0] == "python":
            script = Path(command[1])
            assert (ROOT / (told["working_dir"] or "nowhere") / script).is_file(), line
            command[:2] = ["zoo", script.stem]
        assert options_of(shlex.join(command).replace("...", "")), line


@pytest.mark.parametrize("script", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_a_driver_script_is_the_command_of_its_name(script: Path) -> None:
    _, _, body = script.read_text().partition('"""\n\nimport sys\n')
    assert body == (
        "\nfrom zoo_analysis.cli import main\n\n"
        'if __name__ == "__main__":\n'
        f'    main(["{script.stem}", *sys.argv[1:]])\n'
    )
