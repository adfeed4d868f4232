"""Makes .venv, if there is none, and installs the packages of locks into it: what `make setup` and `make run` call, and
the command of a project.

    virtual_environment.py LOCK… [OPTION…]     the options are those of `uv pip install`

pip installs uv, and uv everything else: it is many times faster, and shows what it does. Only the standard library is
there when this runs.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent

_UNFINISHED = ".unfinished"
"""There while packages are installed: an interrupted installation may leave half a package, which uv takes for one."""

_MEANS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""pip's options (https://pip.pypa.io/en/stable/cli/pip/#general-options) and the variables of uv that mean the same
(https://docs.astral.sh/uv/reference/environment/)."""


class SetUpError(Exception):
    """The virtual environment cannot be set up; the text says what to do."""


def pip_options(configuration: Iterable[str]) -> dict[str, str]:
    """What pip is set to for `pip install`.

    Args:
        configuration: the lines of `pip config list`, such as `global.index-url='https://…'`.
    """
    # A command's own section is above [global], and a PIP_ variable above both.
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in configuration:
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in sections:
            sections[section][option] = " ".join(str(ast.literal_eval(value)).split())
    return {**sections["global"], **sections["install"], **sections[":env:"]}


def options_of_pip(python: Path) -> dict[str, str]:
    """What the pip of a Python is set to for `pip install`."""
    command = [str(python), "-m", "pip", "config", "list"]
    return pip_options(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines())


def environment_of_uv(of_pip: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The environment in which uv finds packages where pip does: uv reads none of pip's configuration.

    Args:
        of_pip: pip's options.
        given: the environment; a variable in it stays as it is.
    """
    handed_on = {_MEANS[option]: value for option, value in of_pip.items() if option in _MEANS}
    if "UV_FIND_LINKS" in handed_on:
        handed_on["UV_FIND_LINKS"] = handed_on["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX_URL" in given:  # the older name
        handed_on.pop("UV_DEFAULT_INDEX", None)
    # As pip: certificates of the system count, too, and each index is asked for each package. The hashes of the lock
    # decide which file is taken, wherever it comes from.
    return {"UV_SYSTEM_CERTS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match", **handed_on, **given}


def pinned(package: str, lock: str) -> str:
    """The lines of a lock that pin a package, with its hashes."""
    found = re.search(rf"^{package}==.*\n( +--hash=.*\n)+", lock, flags=re.MULTILINE)
    assert found is not None  # noqa: S101  tests/test_virtual_environment.py
    return found[0]


def set_up(directory: Path, locks: list[Path], options: list[str]) -> None:
    """Install the packages of locks.

    Args:
        directory: the virtual environment.
        locks: the first one has uv in it.
        options: of `uv pip install`.

    Raises:
        SetUpError: it is not possible.
    """
    if directory.is_symlink():
        raise SetUpError(f".venv is a link to {directory.readlink()}: run make setup where that is, or remove the link")
    python, uv, unfinished = directory / "bin" / "python", directory / "bin" / "uv", directory / _UNFINISHED
    if unfinished.exists() or not _runs(uv):
        _make(directory, locks[0])
    of_pip = options_of_pip(python)
    if of_pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        options = [*options, "--no-index"]
    names = " and ".join(lock.name for lock in locks)
    print(f"Installing what {names} {'list' if len(locks) > 1 else 'lists'} into .venv", flush=True)
    unfinished.touch()
    listed = [argument for lock in locks for argument in ("--requirements", lock)]
    installed = subprocess.run(
        [uv, "pip", "install", "--python", python, "--require-hashes", *options, *listed],
        env=environment_of_uv(of_pip, os.environ),
        check=False,
    )
    if installed.returncode >= 0:  # not killed: uv fails before it installs anything, or installs everything
        unfinished.unlink()
    if installed.returncode:
        raise SetUpError("uv could not install the packages, and says above why; run make again when that is mended")


def _make(directory: Path, lock: Path) -> None:
    print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=False).returncode:
        raise SetUpError("python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv")
    (directory / _UNFINISHED).touch()
    print("Getting uv, which installs packages", flush=True)
    requirements = directory / "uv.txt"
    requirements.write_text(pinned("uv", lock.read_text(encoding="utf-8")), encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"]
    if subprocess.run(
        [directory / "bin" / "python", "-m", "pip", "install", *options, "-r", requirements], check=False
    ).returncode:
        raise SetUpError("pip could not install uv, and says above why; run make again when that is mended")


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    try:
        given = sys.argv[1:]
        set_up(
            ROOT / ".venv",
            [ROOT / name for name in given if not name.startswith("-")],
            [option for option in given if option.startswith("-")],
        )
    except SetUpError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted: run make again.")
