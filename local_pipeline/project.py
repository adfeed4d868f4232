"""The folder that holds the kinds of report, and files in place of the repository's."""

from dataclasses import dataclass
from pathlib import Path

_INDEXES = "firestore.indexes.json"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project.

    Attributes:
        folder: it holds `kinds/`.
        repository: it holds the files that the project lacks.
    """

    folder: Path
    repository: Path

    def file(self, name: str) -> Path:
        """The project's own file, or else the repository's.

        Args:
            name: such as `queue.yaml`.
        """
        own = self.folder / name
        return own if own.is_file() else self.repository / name

    @property
    def index_files(self) -> list[Path]:
        """The pipeline's indexes, those of the kinds, and the project's."""
        of_kinds = sorted(self.folder.glob(f"kinds/*/{_INDEXES}"))
        return [self.repository / "deployment" / _INDEXES, *of_kinds, *self.folder.glob(_INDEXES)]

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds: folders that are a package, or have a report.yaml."""
        files = ("__init__.py", "report.yaml")
        return sorted({file.parent.name for name in files for file in self.folder.glob(f"kinds/*/{name}")})
