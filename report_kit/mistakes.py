"""Where a mistake in a kind of report is: one line with file and line, for the author of the kind.

Python says where its own errors are. MJML turns a template into other lines before Jinja reads
it: to find a template's error, the template is filled in once more as it was written.
"""

import re
import traceback
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from report_kit import kind_folders
from report_kit.kind_folders import folder_of

if TYPE_CHECKING:
    import jinja2

_PIPELINE = Path(__file__).parents[1]
_INCLUDE = re.compile(r'<mj-include path="([\w.-]+)" */>')
_JINJA = re.compile(r"\{[%{#].*?[%}#]\}", re.DOTALL)
_ELEMENTS = frozenset(
    """
    mjml mj-head mj-body mj-raw
    mj-all mj-attributes mj-breakpoint mj-class mj-font mj-html-attribute mj-html-attributes mj-preview mj-selector
    mj-style mj-title
    mj-accordion mj-accordion-element mj-accordion-text mj-accordion-title mj-button mj-carousel mj-carousel-image
    mj-column mj-divider mj-group mj-hero mj-image mj-navbar mj-navbar-link mj-section mj-social mj-social-element
    mj-spacer mj-table mj-text mj-wrapper
    """.split()  # noqa: SIM905  readable so
)
"""https://documentation.mjml.io/#components"""


class TemplateMistake(Exception):
    """A template cannot be filled in. The text begins with its file and line."""


class Place(NamedTuple):
    """A line of a file."""

    file: Path
    line: int

    def __str__(self) -> str:
        roots = (root for root in (kind_folders.folder().parent, _PIPELINE) if self.file.is_relative_to(root))
        file = next((self.file.relative_to(root) for root in roots), self.file)
        return f"{file}:{self.line}" if self.line else str(file)


class TemplateSource(NamedTuple):
    """A template with what it includes by `<mj-include>`, as it was written.

    Attributes:
        text: all of it.
        places: where each of its lines is from.
    """

    text: str
    places: Sequence[Place]

    @classmethod
    def read(cls, name: str, folders: Sequence[Path]) -> "TemplateSource":
        """Read a template.

        Args:
            name: its file's.
            folders: where it, and what it includes, is looked for, in this order.

        Raises:
            TemplateMistake: a file that it includes does not exist.
            FileNotFoundError: there is no such template.
        """
        file = _find(name, folders)
        lines: list[str] = []
        places: list[Place] = []
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            place, whole = Place(file, number), line
            if include := _INCLUDE.search(line):
                try:
                    place = Place(_find(include[1], folders), 1)
                except FileNotFoundError as error:
                    raise TemplateMistake(f"{place}: {error}") from None
                included = place.file.read_text(encoding="utf-8")
                whole = line[: include.start()] + included + line[include.end() :]
            for further, each in enumerate(whole.split("\n")):
                lines.append(each)
                places.append(Place(place.file, place.line + further))
        return cls("\n".join(lines), places)

    def at(self, line: int) -> Place:
        """Where a line of the text is from, by its number from 1 on."""
        return self.places[min(max(line, 1), len(self.places)) - 1]


def python_place(error: BaseException, kind: str) -> Place | None:
    """The last line of a kind's own code that an error came through; None where it came through none.

    Args:
        error: what the kind's code has raised.
        kind: which.
    """
    folder = folder_of(kind)
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(folder):
        return Place(Path(error.filename), error.lineno or 0)
    frames = [
        Place(Path(frame.filename), frame.lineno or 0)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    return frames[-1] if frames else None


def describe_mistake(error: BaseException, kind: str) -> str:
    """An error of a kind's code or templates, on one line that begins with file and line where those are known.

    Args:
        error: what the kind has raised.
        kind: which.
    """
    if isinstance(error, TemplateMistake):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    said = ": ".join(filter(None, (type(error).__name__, text)))
    place = python_place(error, kind)
    return f"{place}: {said}" if place else said


def own_traceback(error: BaseException, kind: str) -> TracebackType | None:
    """The part of an error's traceback that begins in the kind's own code; None where none does.

    Args:
        error: what the kind has raised.
        kind: which.
    """
    folder, step = folder_of(kind), error.__traceback__
    while step is not None and not Path(step.tb_frame.f_code.co_filename).is_relative_to(folder):
        step = step.tb_next
    return step


def template_mistake(
    error: Exception, environment: "jinja2.Environment", names: Sequence[str], folders: Sequence[Path], given: Any
) -> TemplateMistake:
    """Find out which line of which template an error comes from.

    Args:
        error: what filling in the templates has raised.
        environment: in which they were filled in.
        names: of the templates.
        folders: where they, and what they include, are looked for.
        given: their values, by name.
    """
    import jinja2

    if isinstance(error, TemplateMistake):
        return error
    said = ": ".join(filter(None, (type(error).__name__, str(error))))
    if isinstance(error, jinja2.TemplateError | FileNotFoundError):
        said = str(error)
    for name in names:
        try:
            source = TemplateSource.read(name, folders)
        except FileNotFoundError as missing:
            return TemplateMistake(str(missing))
        except TemplateMistake as missing:
            return missing
        if place := _failing_place(source, environment, folders, given):
            return TemplateMistake(f"{place}: {said}")
    return TemplateMistake(f"{Place(folders[0], 0)}: {said}")


def check_mjml(source: TemplateSource) -> None:
    """Check the elements of an MJML template: the compiler leaves out what it does not know, and names no line.

    Raises:
        TemplateMistake: an element does not exist, is not closed, or is closed where another one is open.
    """
    for found in _JINJA.finditer(source.text):
        if "<" in found[0]:
            line = source.text.count("\n", 0, found.start()) + 1
            raise TemplateMistake(
                f"{source.at(line)}: MJML takes the < for an element: turn the condition round, "
                "such as {% if not big %}"
            )
    elements = _Elements(source)
    elements.feed(source.text)
    elements.close()
    if elements.open:
        name, line = elements.open[-1]
        raise TemplateMistake(f"{source.at(line)}: <{name}> is not closed")


class _Elements(HTMLParser):
    """Follows the elements of MJML; those of HTML may be as HTML has them."""

    def __init__(self, source: TemplateSource) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self._source = source

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_mjml(tag):
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_mjml(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._is_mjml(tag):
            return
        name, line = self.open.pop() if self.open else ("", 0)
        if name != tag:
            inside = f" closes <{name}> of line {self._source.at(line).line}" if name else " closes nothing"
            raise TemplateMistake(f"{self._source.at(self.getpos()[0])}: </{tag}>{inside}")

    def _is_mjml(self, tag: str) -> bool:
        if tag == "mj-include":
            raise TemplateMistake(
                f'{self._source.at(self.getpos()[0])}: write <mj-include path="file.mjml" />, and in no file that is '
                "included itself"
            )
        if tag.startswith("mj") and tag not in _ELEMENTS:
            raise TemplateMistake(f"{self._source.at(self.getpos()[0])}: MJML has no element <{tag}>")
        return tag in _ELEMENTS


def _failing_place(
    source: TemplateSource, environment: "jinja2.Environment", folders: Sequence[Path], given: Mapping[str, Any]
) -> Place | None:
    """The line that cannot be filled in; None where all can."""
    import jinja2

    def load(name: str) -> tuple[str, str, None]:
        file = _find(name, folders)
        return file.read_text(encoding="utf-8"), str(file), None

    as_written = environment.overlay(loader=jinja2.FunctionLoader(load), cache_size=0)
    try:
        as_written.from_string(source.text).render(given)
    except jinja2.TemplateSyntaxError as error:
        return Place(Path(error.filename), error.lineno) if error.filename else source.at(error.lineno)
    except Exception as error:  # noqa: BLE001  whatever a value or a filter raises
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename == "<template>":
                return source.at(frame.lineno or 0)
            if any(Path(frame.filename).is_relative_to(folder) for folder in folders):
                return Place(Path(frame.filename), frame.lineno or 0)
    return None


def _find(name: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if (file := folder / name).is_file():
            return file
    raise FileNotFoundError(f"there is no {name} in {' or '.join(str(Place(folder, 0)) for folder in folders)}")
