"""How .venv is made: from the index that pip is set to, only what the lock allows, and again after an interruption."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from virtual_environment import environment_of_uv, pinned, pip_options

ROOT = Path(__file__).parent.parent


def set_by(tmp_path: Path, text: str, **variables: str) -> dict[str, str]:
    """The variables of uv where pip is set by a file and by variables."""
    file = tmp_path / "pip.conf"
    file.write_text(text, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env={**inherited, "PIP_CONFIG_FILE": str(file), **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return environment_of_uv(pip_options(said.splitlines()), {})


@pytest.mark.starts_process
def test_uv_finds_packages_where_pip_does(tmp_path: Path) -> None:
    found = set_by(
        tmp_path,
        "[global]\nindex-url = https://mirror.example/simple\ntrusted-host = mirror.example\n"
        "extra-index-url =\n    https://one.example/simple\n    https://two.example/simple\n"
        "[install]\nfind-links = /srv/a /srv/b\n[list]\nformat = json\n",
        PIP_PROXY="http://proxy.example:3128",
        PIP_DEFAULT_TIMEOUT="90",
    )
    expected = {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INSECURE_HOST": "mirror.example",
        "UV_FIND_LINKS": "/srv/a,/srv/b",
        "ALL_PROXY": "http://proxy.example:3128",
        "UV_HTTP_TIMEOUT": "90",
    }
    # The machine may have a configuration of its own.
    assert expected.items() <= found.items()


@pytest.mark.starts_process
def test_a_variable_of_pip_is_above_its_file(tmp_path: Path) -> None:
    text = "[install]\nindex-url = https://file.example/simple\n"
    found = set_by(tmp_path, text, PIP_INDEX_URL="https://variable.example/simple")
    assert found["UV_DEFAULT_INDEX"] == "https://variable.example/simple"


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_uv_is_set_to_stays(variable: str) -> None:
    environment = environment_of_uv({"index-url": "https://pip.example/simple"}, {variable: "https://uv.example"})
    assert {environment.get("UV_DEFAULT_INDEX"), environment.get("UV_INDEX_URL")} == {"https://uv.example", None}


@pytest.mark.parametrize("lock", ["requirements-deployment.lock", "requirements-run.lock", "requirements.lock"])
def test_each_lock_pins_uv_by_hashes(lock: str) -> None:
    first, *hashes = pinned("uv", (ROOT / lock).read_text(encoding="utf-8")).splitlines()
    assert first.startswith("uv==")
    assert hashes
    assert all(line.lstrip().startswith("--hash=sha256:") for line in hashes)


@pytest.mark.starts_process
def test_it_is_made_again_after_an_interruption_and_survives_a_lock_that_cannot_be_had(tmp_path: Path) -> None:
    shutil.copy(ROOT / "virtual_environment.py", tmp_path)
    lock = tmp_path / "some.lock"
    all_pins = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lock.write_text(pinned("uv", all_pins) + pinned("sortedcontainers", all_pins), encoding="utf-8")
    venv = tmp_path / ".venv"
    half = venv / "lib" / "half_a_package.py"
    half.parent.mkdir(parents=True)
    half.touch()
    (venv / ".unfinished").touch()

    made = set_up(tmp_path, lock)
    assert made.returncode == 0, made.stderr
    assert not half.exists()
    assert [line.split()[0] for line in made.stdout.splitlines()] == ["Making", "Getting", "Installing"]
    assert imports(venv, "sortedcontainers").returncode == 0

    # One hash is of another file, as when an index serves something else.
    lock.write_text(lock.read_text().replace("sortedcontainers==2.4.0", "sortedcontainers==2.3.0"))
    refused = set_up(tmp_path, lock)
    assert refused.returncode == 1
    assert "hash" in refused.stderr.lower()
    assert refused.stderr.splitlines()[-1].startswith("uv could not install the packages")
    assert imports(venv, "sortedcontainers").returncode == 0

    lock.write_text(pinned("uv", all_pins) + pinned("mdurl", all_pins), encoding="utf-8")
    changed = set_up(tmp_path, lock, "--exact")
    assert changed.returncode == 0, changed.stderr
    assert changed.stdout.splitlines() == ["Installing what some.lock lists into .venv"]
    assert imports(venv, "mdurl").returncode == 0
    assert imports(venv, "sortedcontainers").returncode == 1
    assert imports(venv, "pip").returncode == 0


def set_up(root: Path, lock: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "virtual_environment.py", lock.name, *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def imports(venv: Path, module: str) -> subprocess.CompletedProcess[bytes]:
    command: list[str | Path] = [venv / "bin" / "python", "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False)
