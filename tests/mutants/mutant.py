"""A deliberate mistake in the product's source, and the tests that must notice it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from functions.shared.settings import MailProviderName


class PatchDoesNotFit(Exception):
    """The source has changed since the mutant was written, so the mutant no longer makes its mistake."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A mistake.

    Attributes:
        name: what the product does wrong because of the mistake.
        file: the file with the mistake, from the repository's root.
        search: the original text, which the file has exactly once.
        replace: the text with the mistake.
        provider: the mail provider with which the scenarios are played.
        scenarios: the scenarios of the fault harness that must notice, by parts of their names; none where no scenario
            meets the moment in which the mistake shows.
        tests: paths of the tests that must notice, with `::` and a name where that saves time.
    """

    name: str
    file: str
    search: str
    replace: str
    provider: MailProviderName = MailProviderName.SENDGRID
    scenarios: tuple[str, ...] = ()
    tests: tuple[str, ...]

    def patched(self, source: str) -> str:
        """The source with the mistake.

        Raises:
            PatchDoesNotFit: the file does not have the original text exactly once.
        """
        if (found := source.count(self.search)) != 1:
            raise PatchDoesNotFit(
                f'"{self.name}": {self.file} has this {found} times, and must have it once:\n{self.search}\n'
                "Write the mutant in tests/mutants/mutants.py again for the source as it is now."
            )
        return source.replace(self.search, self.replace)

    def apply(self, tree: Path) -> None:
        """Make the mistake in a copy of the repository.

        Raises:
            PatchDoesNotFit: as above.
        """
        file = tree / self.file
        file.write_text(self.patched(file.read_text()))


def copy_tree(repository: Path, to: Path) -> None:
    """Copy what Git has of the working tree, changed and new files as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = repository / name
        if source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)
