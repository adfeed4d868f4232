"""Names of attached files."""


def with_suffix(filename: str, suffix: str) -> str:
    """The name with its suffix, which is added if it lacks it.

    Args:
        filename: such as `sales`.
        suffix: such as `.csv`.
    """
    return filename if filename.lower().endswith(suffix) else f"{filename}{suffix}"
