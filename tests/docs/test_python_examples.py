"""The Python of README and docs runs as it stands, in the order in which it is written."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

ROOT = Path(__file__).parents[2]
#: Examples of extending.md are packages of their own: `tests/test_extending_*.py` run them.
PAGES = sorted({ROOT / "README.md", *ROOT.glob("docs/*.md")} - {ROOT / "docs" / "extending.md"})
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        if code := "\n".join(_BLOCK.findall(page.read_text(encoding="utf-8"))):
            yield page.name, code


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with ``~/models``, four networks with their accuracies, which is where one works."""
    torch.manual_seed(0)
    for i in range(4):
        model = tmp_path / "models" / f"net-{i}"
        model.mkdir(parents=True)
        save_file({"a.weight": torch.randn(96, 64) * (1 + i)}, model / "model.safetensors")
        results = (
            f"  results: [{{task: {{type: image-classification}}, dataset: {{name: Digits, "
            f"type: digits}}, metrics: [{{type: accuracy, value: {80 + i}}}]}}]"
        )
        (model / "README.md").write_text(f"---\nmodel-index:\n- name: m\n{results}\n---\n")
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "model").symlink_to(model)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZOO_STORE", raising=False)
    return tmp_path


@pytest.mark.parametrize(("page", "code"), examples(), ids=lambda text: text[:20])
@pytest.mark.usefixtures("home", "local_ray")
def test_it_runs(page: str, code: str) -> None:
    names = {"__name__": page}
    exec(compile(code, page, "exec"), names)
    if page == "README.md":
        assert "zoo_analysis" in sys.modules
        assert names["summary"].scanned == 4  # type: ignore[attr-defined]


def test_readme_has_an_example() -> None:
    assert "README.md" in dict(examples())
