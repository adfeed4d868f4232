"""The package as it is published: built, installed in empty environments, and used as the README says.

`make emulators` runs this. It needs a network, so it is not among the other tests.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from local_cloud_tests.test_readme import blocks

FOLDER = Path(__file__).parents[1]
UV = os.environ.get("UV", "uv")
"""uv, which builds and installs."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """The output of a command that has to succeed."""
    # Nothing of the environment of these tests is found.
    own = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**own, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder with the sdist, and with the wheel that is made of it."""
    dist = FOLDER / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(UV, "build", "--out-dir", dist, FOLDER, folder=FOLDER)
    return dist


def python_of(version: str) -> str:
    """A Python of this machine."""
    found = subprocess.run(
        [UV, "python", "find", "--no-python-downloads", "--system", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip(f"there is no Python {version} on this machine")
    return found.stdout.strip()


@contextmanager
def emulators(serve: Path, folder: Path) -> Iterator[None]:
    """The emulators run within it, on their usual ports."""
    with subprocess.Popen([serve, "serve"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export FIRESTORE_EMULATOR_HOST=")
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
@pytest.mark.parametrize("version", PYTHONS)
def test_the_tests_of_the_readme_pass_in_an_empty_environment(
    built: Path, tmp_path: Path, version: str, resolution: str
) -> None:
    made = tmp_path / "made"
    run(UV, "venv", "--python", python_of(version), made, folder=tmp_path)
    install = (UV, "pip", "install", "--python", made / "bin/python", "--only-binary", ":all:", "--strict")
    # Of a wheel's requirements uv would take the newest: the lowest are those of what it is asked for itself.
    listed = ("--requirements", FOLDER / "pyproject.toml", "--extra", "schemas")
    run(*install, "--resolution", resolution, *listed, folder=tmp_path)
    run(*install, next(built.glob("*.whl")), "pytest", folder=tmp_path)

    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "test_it.py").write_text(blocks("python", "In pytest")[0])
    said = run(made / "bin/python", "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore", folder=empty)
    assert "3 passed" in said
    assert "serve" in run(made / "bin/local-cloud", "--help", folder=empty)


def test_the_sdist_has_what_belongs_to_it(built: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(next(built.glob("*.tar.gz")), tmp_path)
    [unpacked] = tmp_path.iterdir()
    here = {"CHANGELOG.md", "LICENSE", "README.md", "docs/firestore.md", "local_cloud_tests/trial.py", "pyproject.toml"}
    assert {*here, "src/local_cloud/py.typed"} <= {
        path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()
    }


def test_the_steps_of_the_workflow_run(built: Path, tmp_path: Path) -> None:
    _, install, _ = yaml.safe_load(blocks("yaml", "In CI")[0])
    run(sys.executable, "-m", "venv", "made", folder=tmp_path)
    links = f"{built} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    path = f"{tmp_path}/made/bin:{os.environ['PATH']}"
    # What a step leaves running goes on until the job ends.
    script = f"set -e\n{install['run']}\ncurl --silent --fail http://127.0.0.1:8085/\nkill %1\nwait"
    said = run("bash", "-c", f"set -m; {script}", folder=tmp_path, PATH=path, PIP_FIND_LINKS=links)
    assert said.endswith("Ok\n")


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node.js on this machine")
def test_the_clients_of_node(built: Path, tmp_path: Path) -> None:
    run(UV, "venv", "made", folder=tmp_path)
    run(UV, "pip", "install", "--python", "made/bin/python", next(built.glob("*.whl")), folder=tmp_path)
    packages = ("@google-cloud/firestore", "@google-cloud/pubsub", "@google-cloud/tasks")
    run("npm", "install", "--silent", "--no-fund", "--no-audit", *packages, folder=tmp_path)
    (tmp_path / "test.js").write_text(f"""
{blocks("js", "From Node.js")[0]}
const {{Firestore}} = require('@google-cloud/firestore');
const {{PubSub}} = require('@google-cloud/pubsub');

(async () => {{
  const parent = 'projects/my-project/locations/us-central1';
  const [queue] = await tasks.createQueue({{parent, queue: {{name: `${{parent}}/queues/mail`}}}});
  const user = new Firestore({{projectId: 'my-project'}}).doc('users/u1');
  await user.set({{active: true}});
  const [topic] = await new PubSub({{projectId: 'my-project'}}).createTopic('greetings');
  console.log(JSON.stringify([queue.name, (await user.get()).data(), topic.name]));
  process.exit();
}})();
""")
    with emulators(tmp_path / "made/bin/local-cloud", tmp_path):
        variables = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080", "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085"}
        said = run("node", "test.js", folder=tmp_path, **variables)
    assert re.search(
        r'^\["projects/my-project/locations/us-central1/queues/mail",\{"active":true\},"projects/', said, re.M
    )
