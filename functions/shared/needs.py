"""What a kind of report needs of its surroundings: the file `needs.yaml` in its folder. A kind without needs has none.

    settings:
      SALES_CURRENCY: {about: "What amounts are in.", default: EUR}
    secrets:
      SALES_DATABASE_URL: {about: "SQLAlchemy URL of the database.", local: "sqlite:///sales.db"}
    roles:
      - {role: roles/bigquery.jobUser, on: project}
      - {role: roles/bigquery.dataViewer, on: dataset, name: analytics}
    packages:
      - sqlalchemy
      - openpyxl==3.1.5
    pdf: true
    owner: reports-team@example.com
    archive_days: 365
    choices: {cadences: [daily, weekly], hours: [5, 6, 7]}
    next: {percent: 5, for: [u42, u17/weekly, jane@example.com]}

The worker reads it at start, `./reports lock` the packages, and deploy.sh the rest (docs/guides/python-reports.md).
PyYAML takes 18 ms to import, and is imported only where there is a file to read.
"""

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from functions.shared.times.schedule import RECIPIENTS_CADENCES

if TYPE_CHECKING:
    import yaml

NEEDS_FILE = "needs.yaml"
NEXT_FOLDER = "next"
"""The folder within a kind's that has its next version (next_version.py)."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_ROLE = re.compile(r"roles/[A-Za-z0-9_.]+|(projects|organizations)/[^/\s]+/roles/[A-Za-z0-9_.]+")
_BASIC_ROLES = {"roles/owner", "roles/editor", "roles/viewer"}
_RESOURCES = {
    # https://cloud.google.com/bigquery/docs/datasets#dataset-naming, shorter, to fit into a condition's title
    "dataset": re.compile(r"[A-Za-z0-9_]{1,64}"),
    # https://cloud.google.com/storage/docs/buckets#naming, without domains' names
    "bucket": re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
    # Of Cloud SQL, shorter for the same reason. https://cloud.google.com/sql/docs/postgres/instance-settings
    "instance": re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
}
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?(==[A-Za-z0-9.!+]+)?")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
MOST_ARCHIVE_DAYS = 3_650
"""For how long the archive can keep the copy of an email."""

_OF_PDF = ("manimgx-fonts", "manimgx-fonts-cjk", "typst")
"""The packages that make PDF documents: 100 MB, so that only a worker that needs them has them."""


class InvalidNeeds(Exception):
    """A needs.yaml is not what it should be. The text is one line, with the file and the line in it."""


class NotSet(Exception):
    """A setting without a default, or a secret, has no value. The text is one line that names each."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A variable that is no secret.

    Attributes:
        about: what it is, for the operator.
        default: its value if the variable is not set; None if it must be set.
    """

    about: str
    default: str | None = None


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A variable with a value to keep secret. It must be set wherever the pipeline runs on Google Cloud.

    Attributes:
        about: what it is, for the operator.
        local: its value if the variable is not set, in the local cloud, for samples and in tests.
    """

    about: str
    local: str | None = None


@dataclass(frozen=True, order=True)
class Role:
    """What the worker must be allowed.

    Attributes:
        role: such as `roles/bigquery.dataViewer`.
        on: `project`, `dataset`, `bucket` or `instance`, which is one of Cloud SQL: the worker is connected to it.
        name: of the dataset, the bucket or the instance, of the pipeline's own project.
    """

    role: str
    on: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class NextVersion:
    """Who gets the next version of a kind.

    Attributes:
        percent: how many percent of the subscriptions.
        chosen: who else does: users, subscriptions as USER/SUBSCRIPTION, and addresses.
    """

    percent: int = 0
    chosen: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What one kind needs.

    Attributes:
        settings: by the names of the variables.
        secrets: likewise.
        roles: what the worker must be allowed.
        packages: Python packages, as pip writes them: pinned, or without a version for that of the pipeline. Those that
            make PDF documents are among them.
        pdf: whether the kind makes PDF documents.
        owner: who is told when the kind's reports fail: an address, or the name of a secret with a webhook; may be
            empty.
        cadences: which ones recipients choose from on their page; empty: all.
        hours: likewise, 0 to 23.
        archive_days: for how many days the archive keeps the copies of its emails, 0 for no copies; None for as many as
            the deployment says.
        next: who gets the next version of the kind; None where nobody does.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    packages: tuple[str, ...] = ()
    pdf: bool = False
    owner: str = ""
    cadences: tuple[str, ...] = ()
    hours: tuple[int, ...] = ()
    archive_days: int | None = None
    next: NextVersion | None = None

    @property
    def variables(self) -> dict[str, Setting | Secret]:
        """The settings and the secrets."""
        return {**self.settings, **self.secrets}

    @property
    def local_values(self) -> dict[str, str]:
        """What the variables are where there is no deployment, as in tests: the defaults of the settings and the local
        values of the secrets. One that has neither is its own name."""
        local = {name: setting.default for name, setting in self.settings.items()}
        local |= {name: secret.local for name, secret in self.secrets.items()}
        return {name: value or name for name, value in local.items()}


def load(kinds: Path, *, reserved: Collection[str] = ()) -> dict[str, Needs]:
    """Read the needs of all kinds.

    Args:
        kinds: the folder that has the kinds' folders in it.
        reserved: names that are the pipeline's own variables.

    Returns:
        Those that have any, by kind.

    Raises:
        InvalidNeeds: a file is malformed, names a variable of the pipeline's own, or declares one that another kind has
            in another way.
    """
    found: dict[str, Needs] = {}
    declared: dict[str, tuple[str, Setting | Secret]] = {}
    for file in sorted(kinds.glob(f"*/{NEEDS_FILE}")):
        kind = file.parent.name
        reader = _Reader(file.relative_to(kinds.parent).as_posix(), reserved)
        found[kind] = reader.read(file)
        for name, variable in found[kind].variables.items():
            first, other = declared.setdefault(name, (kind, variable))
            if other != variable:
                reader.fail(reader.names[name], f"{name}: the kind {first} declares it in another way")
    return found


def values(needs: Mapping[str, Needs], variables: Mapping[str, str], *, local: bool) -> dict[str, dict[str, str]]:
    """What each kind is given for its settings and secrets.

    Args:
        needs: by kind.
        variables: those that are set, by name; an empty one counts as not set.
        local: whether a secret that is not set has its local value.

    Returns:
        The values, by kind and name.

    Raises:
        NotSet: some have no value.
    """
    found: dict[str, dict[str, str]] = {kind: {} for kind in needs}
    missing: list[str] = []
    for kind, each in needs.items():
        otherwise = {name: (setting.about, setting.default) for name, setting in each.settings.items()}
        otherwise |= {name: (secret.about, secret.local if local else None) for name, secret in each.secrets.items()}
        for name, (about, default) in otherwise.items():
            if value := variables.get(name) or default:
                found[kind][name] = value
            else:
                missing.append(f"{name}: not set, and the kind {kind} needs it ({about.rstrip('.')})")
    if missing:
        raise NotSet("; ".join(missing))
    return found


class _Reader:
    """Reads the nodes of one file, which know their lines.

    Args:
        path: how errors name the file.
        reserved: see `load`.
    """

    def __init__(self, path: str, reserved: Collection[str]) -> None:
        self._path = path
        self._reserved = reserved
        self.names: dict[str, yaml.Node] = {}

    def read(self, file: Path) -> Needs:
        import yaml

        try:
            root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InvalidNeeds(f"{self._path}, line {line}: {error.problem}") from error
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidNeeds(f"{self._path}, line 1: {' '.join(str(error).split())}") from error
        return Needs() if root is None else self._needs(root, file.parent)

    def fail(self, node: "yaml.Node", problem: str) -> NoReturn:
        raise InvalidNeeds(f"{self._path}, line {node.start_mark.line + 1}: {problem}")

    def _needs(self, root: "yaml.Node", folder: Path) -> Needs:
        parts = self._mapping(
            root,
            "a mapping",
            {"settings", "secrets", "roles", "packages", "pdf", "owner", "choices", "archive_days", "next", "canary"},
        )
        settings = {
            name: Setting(about=about, default=value)
            for name, about, value in self._variables(parts.get("settings"), "default")
        }
        secrets = {
            name: Secret(about=about, local=value)
            for name, about, value in self._variables(parts.get("secrets"), "local")
        }
        for name in settings.keys() & secrets.keys():
            self.fail(self.names[name], f"{name} is a setting and a secret")
        choices: dict[str, yaml.Node] = {}
        if "choices" in parts:
            choices = self._mapping(parts["choices"], "{cadences: …, hours: …}", {"cadences", "hours"})
        following = parts.get("next") or parts.get("canary")
        if "canary" in parts:
            # `reports test` shows it.
            line = parts["canary"].start_mark.line + 1
            text = f"{self._path}, line {line}: canary is called next, and goes with version 0.3.0"
            warnings.warn(text, DeprecationWarning, stacklevel=1)
        packages = map(self._package, self._sequence(parts.get("packages"), "a list of packages"))
        pdf = "pdf" in parts and self._is_true(parts["pdf"])
        return Needs(
            settings=settings,
            secrets=secrets,
            roles=tuple(map(self._role, self._sequence(parts.get("roles"), "a list of roles"))),
            packages=(*packages, *(_OF_PDF if pdf else ())),
            pdf=pdf,
            owner=self._owner(parts["owner"], secrets) if "owner" in parts else "",
            cadences=tuple(map(self._cadence, self._sequence(choices.get("cadences"), "a list of cadences"))),
            hours=tuple(map(self._hour, self._sequence(choices.get("hours"), "a list of hours"))),
            archive_days=self._archive_days(parts["archive_days"]) if "archive_days" in parts else None,
            next=self._next(following, folder) if following else None,
        )

    def _variables(self, node: "yaml.Node | None", value: str) -> Iterator[tuple[str, str, str | None]]:
        if node is None:
            return
        for name, (key, declaration) in self._pairs(node, "a mapping of variables").items():
            if not _VARIABLE.fullmatch(name):
                self.fail(key, f"{name}: must be capitals, digits and at least one _, such as SALES_CURRENCY")
            if name in self._reserved:
                self.fail(key, f"{name}: is a variable of the pipeline's own; choose another name")
            parts = self._mapping(declaration, f"{{about: …, {value}: …}}", {"about", value})
            if "about" not in parts:
                self.fail(key, f"{name}: needs about, which says what it is")
            about = self._text(parts["about"], "about: must be a text")
            given = self._text(parts[value], f"{value}: must be a text") if value in parts else None
            self.names[name] = key
            yield name, about, given

    def _role(self, node: "yaml.Node") -> Role:
        parts = self._mapping(node, "{role: …, on: …}", {"role", "on", "name"})
        if not {"role", "on"} <= parts.keys():
            self.fail(node, "a role needs role and on")
        role, on = (self._text(parts[key], f"{key}: must be a text") for key in ("role", "on"))
        if not _ROLE.fullmatch(role):
            self.fail(parts["role"], f"role: {role} is none, such as roles/bigquery.jobUser")
        if role in _BASIC_ROLES:
            self.fail(parts["role"], f"role: {role} is a basic role, which cannot be limited; name one of a service")
        if on == "project":
            if "name" in parts:
                self.fail(parts["name"], "name: the project is the pipeline's own, and needs none")
            return Role(role, on)
        if on not in _RESOURCES:
            self.fail(parts["on"], f"on: must be project, dataset, bucket or instance, not {on}")
        if "name" not in parts:
            self.fail(node, f"a role on: {on} needs a name")
        name = self._text(parts["name"], "name: must be a text")
        if not _RESOURCES[on].fullmatch(name):
            self.fail(parts["name"], f"name: {name} cannot be that of a role on: {on}")
        return Role(role, on, name)

    def _package(self, node: "yaml.Node") -> str:
        package = self._text(node, "a package is a text")
        if not _PACKAGE.fullmatch(package):
            self.fail(node, f"package: {package} must be a name, or a name and a version, as in openpyxl==3.1.5")
        return package

    def _is_true(self, node: "yaml.Node") -> bool:
        text = self._text(node, "pdf: must be true or false")
        if text not in {"true", "false"}:
            self.fail(node, f"pdf: must be true or false, not {text}")
        return text == "true"

    def _owner(self, node: "yaml.Node", secrets: Mapping[str, Secret]) -> str:
        owner = self._text(node, "owner: must be a text")
        if owner not in secrets and not _ADDRESS.fullmatch(owner):
            self.fail(node, f"owner: {owner} is neither an address nor one of the secrets")
        return owner

    def _cadence(self, node: "yaml.Node") -> str:
        cadence = self._text(node, "a cadence is a text")
        if cadence not in RECIPIENTS_CADENCES:
            self.fail(
                node, f"cadences: {cadence} is none that recipients choose; there are {', '.join(RECIPIENTS_CADENCES)}"
            )
        return cadence

    def _hour(self, node: "yaml.Node") -> int:
        text = self._text(node, "an hour is a number")
        if not re.fullmatch(r"[0-9]|1[0-9]|2[0-3]", text):
            self.fail(node, f"hours: must be whole numbers, 0 to 23, not {text}")
        return int(text)

    def _archive_days(self, node: "yaml.Node") -> int:
        text = self._text(node, "archive_days: must be a number")
        if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > MOST_ARCHIVE_DAYS:
            self.fail(node, f"archive_days: must be a number of days, 0 to {MOST_ARCHIVE_DAYS}, not {text}")
        return int(text)

    def _next(self, node: "yaml.Node", folder: Path) -> NextVersion:
        import yaml

        is_number = isinstance(node, yaml.ScalarNode)
        parts = {"percent": node} if is_number else self._mapping(node, "{percent: …, for: […]}", {"percent", "for"})
        chosen = self._sequence(parts.get("for"), "a list of users, subscriptions and addresses")
        found = NextVersion(
            percent=self._percent(parts["percent"]) if "percent" in parts else 0,
            chosen=frozenset(
                self._text(each, "for: must be texts: users, USER/SUBSCRIPTION, addresses") for each in chosen
            ),
        )
        if not (folder / NEXT_FOLDER).is_dir():
            self.fail(node, f"next: there is no next version, which is a folder {NEXT_FOLDER} beside this file")
        return found

    def _percent(self, node: "yaml.Node") -> int:
        text = self._text(node, "next: must be a number")
        if not re.fullmatch(r"[1-9][0-9]?|100", text):
            self.fail(node, f"next: must be a whole number of percent, 1 to 100, not {text}")
        return int(text)

    def _mapping(self, node: "yaml.Node", what: str, known: Collection[str]) -> "dict[str, yaml.Node]":
        pairs = self._pairs(node, what)
        for name, (key, _) in pairs.items():
            if name not in known:
                self.fail(key, f"{name} is not known; there are {', '.join(sorted(known))}")
        return {name: value for name, (_, value) in pairs.items()}

    def _pairs(self, node: "yaml.Node", what: str) -> "dict[str, tuple[yaml.Node, yaml.Node]]":
        import yaml

        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"must be {what}")
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = self._text(key, "a key is a text")
            if name in pairs:
                self.fail(key, f"{name} is there twice")
            pairs[name] = (key, value)
        return pairs

    def _sequence(self, node: "yaml.Node | None", what: str) -> "list[yaml.Node]":
        import yaml

        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"must be {what}")
        return list(node.value)

    def _text(self, node: "yaml.Node", otherwise: str) -> str:
        """A scalar as it is written: 5 and "5" are the same."""
        import yaml

        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null" or not node.value.strip():
            self.fail(node, otherwise)
        text: str = node.value
        if not text.isprintable():
            self.fail(node, f"{otherwise}, in one line")
        return text
