"""Makes .venv, if there is none, and installs the packages of a lock into it: what `make setup` and `make run` call.

    virtual_environment.py LOCK [OPTION…]     the options are those of `uv pip install`

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
DIRECTORY = ROOT / ".venv"
PYTHON = DIRECTORY / "bin" / "python"
UV = DIRECTORY / "bin" / "uv"
UNFINISHED = DIRECTORY / ".unfinished"
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


def set_up(lock: Path, options: list[str]) -> None:
    """Install the packages of a lock.

    Raises:
        SetUpError: it is not possible.
    """
    if DIRECTORY.is_symlink():
        raise SetUpError(f".venv is a link to {DIRECTORY.readlink()}: run make setup where that is, or remove the link")
    if UNFINISHED.exists() or not _runs(UV):
        _make(lock)
    of_pip = pip_options(
        subprocess.run(
            [PYTHON, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.splitlines()
    )
    if of_pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        options = [*options, "--no-index"]
    print(f"Installing what {lock.name} lists into .venv", flush=True)
    UNFINISHED.touch()
    installed = subprocess.run(
        [UV, "pip", "install", "--python", PYTHON, "--require-hashes", *options, "--requirements", lock],
        env=environment_of_uv(of_pip, os.environ),
        check=False,
    )
    if installed.returncode >= 0:  # not killed: uv fails before it installs anything, or installs everything
        UNFINISHED.unlink()
    if installed.returncode:
        raise SetUpError("uv could not install the packages, and says above why; run make again when that is mended")


def _make(lock: Path) -> None:
    print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", DIRECTORY], check=False).returncode:
        raise SetUpError("python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv")
    UNFINISHED.touch()
    print("Getting uv, which installs packages", flush=True)
    requirements = DIRECTORY / "uv.txt"
    requirements.write_text(pinned("uv", lock.read_text(encoding="utf-8")), encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"]
    if subprocess.run([PYTHON, "-m", "pip", "install", *options, "-r", requirements], check=False).returncode:
        raise SetUpError("pip could not install uv, and says above why; run make again when that is mended")


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    try:
        set_up(ROOT / sys.argv[1], sys.argv[2:])
    except SetUpError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted: run make again.")
