"""A deliberate mistake in the product's source, and the tests that must notice it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from functions.shared.settings import MailProviderName
from proof.mutants.syntax_change import NotOneNode, changed


class DoesNotApply(Exception):
    """The source has changed so much since the mutant was written that it no longer makes its mistake."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A mistake.

    Attributes:
        name: what the product does wrong because of the mistake.
        file: the file with the mistake, from the repository's root.
        node: the pattern of the node that changes (proof.mutants.syntax_change).
        becomes: what comes in its place.
        provider: the email provider with which the scenarios are played.
        scenarios: the scenarios of the fault harness that must notice, by parts of their names; none where no scenario
            meets the moment in which the mistake shows.
        tests: paths of the tests that must notice, with `::` and a name where that saves time.
    """

    name: str
    file: str
    node: str
    becomes: str
    provider: MailProviderName = MailProviderName.SENDGRID
    scenarios: tuple[str, ...] = ()
    tests: tuple[str, ...]

    def changed(self, source: str) -> str:
        """The source of the file with the mistake.

        Raises:
            DoesNotApply: not exactly one node of the source matches.
        """
        try:
            return changed(source, self.node, self.becomes)
        except NotOneNode as error:
            raise DoesNotApply(
                f'"{self.name}" does not apply to {self.file}: {error}:\n{self.node}\n'
                "Name the node in proof/mutants/mutants.py as the source has it now."
            ) from error

    def apply(self, tree: Path) -> None:
        """Make the mistake in a copy of the repository.

        Raises:
            DoesNotApply: as above.
        """
        file = tree / self.file
        file.write_text(self.changed(file.read_text()))


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
