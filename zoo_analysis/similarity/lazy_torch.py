"""torch, imported when something of it is first used: to list the measures takes no seconds."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
else:

    class _Torch(ModuleType):
        # importlib's LazyLoader shows a module half loaded to other threads before Python 3.11.9.
        def __getattr__(self, name: str) -> Any:
            import torch

            found = vars(self)[name] = getattr(torch, name)
            return found

    torch = _Torch("torch")
