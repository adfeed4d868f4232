"""Reads YAML that people write by hand, and says of each mistake where it is and what was expected. Pure."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import yaml

from report_kit.report import PermanentError


class YamlMistake(PermanentError):
    """A mistake in a file, as one line: the file, the line, where in the file's tree, and what was expected."""


@dataclass(frozen=True)
class YamlNode:
    """A value of a file, with its place.

    Attributes:
        file: how the file is called in messages.
        path: the keys that lead to the value, such as `figures[0].format`; empty for the whole file.
        node: what PyYAML makes of it.
    """

    file: str
    path: str
    node: yaml.Node

    @property
    def line(self) -> int:
        """The line on which the value begins, from 1 on."""
        return int(self.node.start_mark.line) + 1

    def mistake(self, what: str, *, line: int | None = None) -> YamlMistake:
        """The error to raise about this value.

        Args:
            what: is wrong, and what was expected.
            line: where, if not at the beginning of the value.
        """
        place = f"{self.path}: " if self.path else ""
        return YamlMistake(f"{self.file}:{line or self.line}: {place}{what}")

    def entries(self, what: str) -> dict[str, "YamlNode"]:
        """The values of a mapping, by their keys.

        Args:
            what: the keys are, for the message where this is no mapping.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.mistake(f"expected {what}, one a line, but this is {_described(self.node)}")
        found: dict[str, YamlNode] = {}
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.mistake("expected a name before the colon", line=key.start_mark.line + 1)
            path = f"{self.path}.{key.value}" if self.path else key.value
            if key.value in found:
                raise YamlNode(self.file, path, key).mistake("is given twice")
            found[key.value] = YamlNode(self.file, path, value)
        return found

    def fields(self, known: Collection[str], required: Sequence[str] = ()) -> dict[str, "YamlNode"]:
        """The values of a mapping with keys of a fixed choice. What is null counts as left out.

        Args:
            known: the keys that there may be.
            required: those that there must be.
        """
        entries = self.entries(f"keys ({', '.join(known)})")
        for key, value in entries.items():
            if key not in known:
                raise value.mistake(f"unknown key: {nearest(key, known)}", line=self._line_of(key))
        found = {key: value for key, value in entries.items() if not value.is_null}
        for key in required:
            if key not in found:
                raise self.mistake(f"{key} is missing")
        return found

    def items(self, what: str) -> list["YamlNode"]:
        """The values of a list.

        Args:
            what: the values are, for the message where this is no list.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.mistake(f"expected a list of {what}, but this is {_described(self.node)}")
        return [YamlNode(self.file, f"{self.path}[{index}]", each) for index, each in enumerate(self.node.value)]

    @property
    def is_null(self) -> bool:
        """Whether there is nothing after the colon, or null."""
        return self._is("null")

    @property
    def is_mapping(self) -> bool:
        """Whether the value has keys of its own."""
        return isinstance(self.node, yaml.MappingNode)

    def text(self) -> str:
        """A text that is not empty."""
        value = self._scalar("str", "text")
        if not value.strip():
            raise self.mistake("expected text, but this is empty")
        return value

    def integer(self, least: int, most: int) -> int:
        """A whole number within bounds, both included."""
        value = self._scalar("int", f"a whole number from {least} to {most}").replace("_", "")
        try:
            number = int(value)
        except ValueError:
            raise self.mistake(f"expected a whole number from {least} to {most}, but this is {value}") from None
        if not least <= number <= most:
            raise self.mistake(f"expected a whole number from {least} to {most}, but this is {number}")
        return number

    def choice(self, choices: Collection[str]) -> str:
        """One of some words."""
        value = self._scalar("str", f"one of {', '.join(choices)}")
        if value not in choices:
            raise self.mistake(f"{value!r} is unknown: {nearest(value, choices)}")
        return value

    def yes_or_no(self) -> bool:
        """True or false."""
        value = self._scalar("bool", "true or false")
        return value.lower() in {"true", "yes", "on", "y"}

    def raw(self) -> tuple[str, str]:
        """A scalar as it is written, with YAML's word for its type, such as `int`."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.mistake(f"expected a single value, but this is {_described(self.node)}")
        return str(self.node.value), str(self.node.tag).rpartition(":")[2]

    def line_after(self, text: str) -> int:
        """The line of the file on which a text has got to after its beginning.

        Args:
            text: its beginning.
        """
        block = isinstance(self.node, yaml.ScalarNode) and self.node.style in ("|", ">")
        return self.line + block + text.count("\n")

    def _scalar(self, tag: str, expected: str) -> str:
        if not self._is(tag):
            raise self.mistake(f"expected {expected}, but this is {_described(self.node)}")
        return str(self.node.value)

    def _is(self, tag: str) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == f"tag:yaml.org,2002:{tag}"

    def _line_of(self, key: str) -> int:
        return next(int(each.start_mark.line) + 1 for each, _ in self.node.value if each.value == key)


def read_yaml(text: str, file: str) -> YamlNode:
    """Read a file's text.

    Args:
        text: of the file.
        file: how the file is called in messages.

    Raises:
        YamlMistake: it is not YAML, or empty.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlMistake(f"{file}:{line}: this is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlMistake(f"{file}:1: this is not YAML: {' '.join(str(error).split())}") from None
    if node is None:
        raise YamlMistake(f"{file}:1: the file is empty")
    return YamlNode(file, "", node)


def nearest(word: str, known: Collection[str]) -> str:
    """Which of the known words is meant, as the end of a message."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"


def _described(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    words: Mapping[str, str] = {
        "str": "text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "null": "empty",
        "timestamp": "a date",
    }
    tag = str(node.tag).rpartition(":")[2]
    return f"{words.get(tag, tag)}: {str(node.value)[:40]!r}" if tag in words and tag != "null" else words.get(tag, tag)
