"""A service of Cloud Run as it is to be, beside what is there: what differs, and the request that mends it.

The labels of a service and of its revisions say what was deployed; of these, the hash of the source alone is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from deployment.cloud_run.builds import Image, Source, archive_of, build_config
from deployment.cloud_run.traffic import Function, State
from deployment.engine.declared import Declared, top_of
from deployment.engine.differences import differences
from deployment.engine.discovery import Request, Resource
from deployment.engine.plan import Step, request_of
from deployment.resources.services import SERVICE, what_of
from deployment.run import Run
from deployment.settings import Settings

_IMAGE = "report-pipeline/image"
"""The annotation of a service with the image that was deployed."""

_MAKES_REVISION = {"labels", "latestCreatedRevision", "template", "terminalCondition"}
"""What is of a revision. All else of a service holds for the revisions that are there."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A service, such as worker or console, as it is to be. `configure` says how it runs, but for its image: a version
    of a secret may get its number only once it is there. The image is that of another environment, or None for one that
    is built here. A canary is the percentage of the traffic that a new revision gets; 0 for all."""

    name: str
    source: Source
    configure: Callable[[], Resource] = field(repr=False)
    image: Image | None = None
    canary: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A service as it is to be, beside what is there. The image is None if it is yet to be built."""

    run: Run
    wanted: Wanted
    function: Function | None
    image: Image | None

    @property
    def what(self) -> str:
        return what_of(self.run.settings, self.wanted.name)

    @cached_property
    def differing(self) -> tuple[str, ...]:
        if self.function is None:
            return ("template",)
        service = self.function.service
        wanted = {**self._fields, "terminalCondition": {"state": "CONDITION_SUCCEEDED"}}
        found = list(differences(_comparable(service), wanted))
        # A revision that others have made has another name, and the labels of the one before. Google makes none by
        # itself. https://docs.cloud.google.com/run/docs/configuring/services/automatic-base-image-updates
        is_known = _IMAGE in service.get("annotations", {})
        if is_known and not service.get("latestCreatedRevision", "").endswith(self._end_of_name):
            found.append("latestCreatedRevision")
        return tuple(found)

    @property
    def makes_revision(self) -> bool:
        return any(top_of(each) in _MAKES_REVISION for each in self.differing)

    @property
    def is_built(self) -> bool:
        return self.makes_revision and self.image is None

    @property
    def stays_rolled_back(self) -> bool:
        """Whether the service was rolled back, and is to be deployed from the same source again."""
        is_canary = bool(self.wanted.canary) and self.makes_revision
        if self.function is None or self.function.state is not State.OLDER or is_canary:
            return False
        return _hash_label(self.function.service) == self.wanted.source.hash

    @property
    def canary(self) -> str:
        """The revision that is to have its share of the traffic, and has not yet; empty for none. That of a new service
        takes all traffic."""
        if self.function is None or not self.wanted.canary:
            return ""
        if self.makes_revision:
            return self._next_revision
        has_share = self.function.shares.get(self.function.canary) == self.wanted.canary
        return "" if has_share else self.function.canary

    @property
    def goes_to_newest(self) -> bool:
        """Whether the traffic is to go to the newest revision, and does not. What is divided stops a deployment before
        this is asked, or is a canary that goes on."""
        if self.function is None or self.wanted.canary or self.stays_rolled_back:
            return False
        return self.function.state in {State.OLDER, State.PINNED}

    @property
    def changes(self) -> list[tuple[str, str]]:
        what, canary = self.what, self.wanted.canary
        lines = []
        if self.differing:
            lines.append(("created" if self.function is None else "changed", what))
        if self.canary and self.function is not None:
            shares = f"{canary} % to {self.canary}, {100 - canary} % to {self.function.serving}"
            lines.append(("changed", f"traffic of {what}: {shares}"))
        if self.goes_to_newest:
            lines.append(("changed", f"traffic of {what} to its newest revision"))
        return lines

    def request(self) -> Request:
        fields = self._fields
        if self.makes_revision:
            # Not merged() yet, which would leave out what is to go.
            fields = {**fields, **{key: {**fields[key], **own} for key, own in self._release.items()}}
        tops = tuple(fields) if self.makes_revision else tuple(map(top_of, self.differing))
        if self.function is not None and (self.canary or self.goes_to_newest):
            shares = {self.canary: self.wanted.canary, str(self.function.serving): 100 - self.wanted.canary}
            table = self.function.table(shares if self.canary else None, canary=self.canary)
            fields, tops = {**fields, "traffic": table}, (*tops, "traffic")
        declared = Declared(
            what=self.what, kind=SERVICE, parent=self.run.settings.place, id=self.wanted.source.service, fields=fields
        )
        actual = None if self.function is None else self.function.service
        verb = "created" if actual is None else "changed"
        request = request_of(Step(declared=declared, verb=verb, what=self.what, actual=actual, fields=tops), {})
        assert request is not None  # noqa: S101
        return request

    @property
    def _fields(self) -> Resource:
        source, configuration = self.wanted.source, self.wanted.configure()
        template = configuration["template"]
        build = build_config(self.run.settings, source)
        image = self.image or Image(uri=f"{build['imageUri']}@<digest of the build>", base="<base image of the build>")
        container = {**template["containers"][0], "image": image.uri}
        if source.function:
            build["baseImage"] = container["baseImageUri"] = image.base
        return {
            **configuration,
            "labels": {"source-hash": source.hash},
            "annotations": {_IMAGE: image.uri},
            "buildConfig": build,
            "template": {**template, "containers": [container]},
        }

    @property
    def _release(self) -> Resource:
        """What is sent with a new revision, and not compared: a commit that changes nothing of a function does not
        deploy it again."""
        run, source = self.run, self.wanted.source
        labels = {
            "source-hash": source.hash,
            "commit": run.commit,
            "project": run.project_commit or None,
            "version": run.version.lower().replace(".", "-").replace("+", "-"),
            "deployment": run.stamp,
            # The revision that serves, and not always the one that was made before it.
            "replaces": None if self.function is None else self.function.serving,
        }
        return {
            "labels": labels,
            "buildConfig": {"sourceLocation": (self.image and self.image.source) or archive_of(run.settings, source)},
            # It has a name, so that a canary gets its share by the request that makes it.
            "template": {"labels": labels, "revision": self._next_revision},
        }

    @property
    def _next_revision(self) -> str:
        """Each change of a service counts, so that no two have the same, as gcloud has it, too: Google refuses a name
        that comes again with another template.
        https://github.com/hashicorp/terraform-provider-google/issues/9438"""
        number = 1 if self.function is None else int(self.function.service["generation"]) + 1
        return f"{self.wanted.source.service}-{number:05d}{self._end_of_name}"

    @property
    def _end_of_name(self) -> str:
        return f"-{self.wanted.source.hash[:4]}"


def deployed_image(settings: Settings, source: Source, service: Resource) -> Image | None:
    """The image that was deployed; None where it was made of something else than a new one would be."""
    [container, *_] = service["template"].get("containers") or [{}]
    built, wanted = service.get("buildConfig", {}), build_config(settings, source)
    base = built.get("baseImage", "")
    is_other = any(differences({**built, "baseImage": base.rpartition("/")[2]}, wanted))
    # Older versions leave no annotation.
    uri: str = service.get("annotations", {}).get(_IMAGE, "")
    if not uri and (image := container.get("image", "")).startswith(f"{wanted['imageUri']}@sha256:"):
        uri = image
    if is_other or _hash_label(service) != source.hash or not uri:
        return None
    return Image(uri=uri, base=base, source=built.get("sourceLocation", ""))


def _hash_label(service: Resource) -> str:
    return str(service.get("labels", {}).get("source-hash", ""))


def _comparable(service: Resource) -> Resource:
    """A service in which the order of variables does not matter, nor how their secrets are named."""
    containers = [
        {**each, "env": sorted(map(_with_short_name, each.get("env", [])), key=lambda one: str(one["name"]))}
        for each in service["template"].get("containers", [])
    ]
    return {**service, "template": {**service["template"], "containers": containers}}


def _with_short_name(variable: Resource) -> Resource:
    reference = variable.get("valueSource", {}).get("secretKeyRef", {})
    short = {**reference, "secret": reference.get("secret", "").rpartition("/")[2]}
    return {**variable, "valueSource": {"secretKeyRef": short}} if reference else variable
