"""`reports lock`: the packages of the kinds, resolved again."""

from operations.commands.group import AsJson
from operations.output import Output


def lock(*, as_json: AsJson = False) -> None:
    """Write kinds.lock, with the packages that the kinds need beside the pipeline's own."""
    from functions.shared.project_files import PIPELINE, project_folder
    from operations.projects.kinds_lock import pins_of, update_kinds_lock

    file = update_kinds_lock(project_folder(), PIPELINE)
    found = pins_of(file.read_text(encoding="utf-8")) if file.is_file() else {}
    Output(as_json=as_json).rows(
        [{"package": name, "version": version} for name, version in found.items()],
        ("package", "version"),
        empty=f"The kinds need no package beside the pipeline's own, and so there is no {file.name}.",
    )
