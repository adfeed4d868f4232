"""Explores the pipeline with a mistake: python -m proof.mutants.explored "a final delivery is sent again"."""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from proof.mutants.mutant import Mutant
from proof.mutants.mutants import ALL
from tests.function_process import REPOSITORY


class _Mutated(MetaPathFinder):
    """Finds the module of a mutant with its mistake, as if the source had it."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.file.removesuffix(".py").replace("/", ".")

    def find_spec(self, fullname: str, _path: Any = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """See MetaPathFinder."""
        return spec_from_loader(fullname, _Loader(self._mutant)) if fullname == self._name else None


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.file.removesuffix(".py").replace("/", "."), str(REPOSITORY / mutant.file))
        self._mutant = mutant

    def get_code(self, _name: str) -> CodeType:
        """Of the mistake, and not of the file that Python has kept."""
        changed = self._mutant.changed(Path(self.path).read_text())
        return compile(changed, self.path, "exec")


def main() -> int:
    """Import the pipeline with a mistake, and explore it: the arguments after its name are those of tests.protocol."""
    name, *sys.argv[1:] = sys.argv[1:]
    [mutant] = [each for each in ALL if each.name == name]
    for module in [each for each in sys.modules if each.partition(".")[0] in {"functions", "operations"}]:
        del sys.modules[module]
    sys.meta_path.insert(0, _Mutated(mutant))
    from tests.protocol.__main__ import main as explore

    return explore()


if __name__ == "__main__":
    sys.exit(main())
