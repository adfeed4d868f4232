"""`python -m local_cloud serve`: the emulators alone, for other projects."""

import asyncio
import os
import signal
from pathlib import Path

from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError
from local_cloud.firestore.required_indexes import refuse
from local_cloud.firestore.rules.ruleset import Ruleset
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.identity import IdentityProvider
from local_cloud.index_file import read_index_file
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import latency
from local_cloud.storage.server import StorageEmulator
from local_cloud.tasks.server import TasksEmulator

_HOST = "127.0.0.1"

_REST_VARIABLES = {
    "FIRESTORE_EMULATOR_HOST": "FIRESTORE_REST_EMULATOR_HOST",
    "CLOUD_TASKS_EMULATOR_HOST": "CLOUDTASKS_EMULATOR_HOST",
}


async def serve(
    *,
    firestore: int | None,
    firestore_rest: int | None = None,
    tasks: int | None,
    tasks_rest: int | None = None,
    pubsub: int | None,
    storage: int | None = None,
    indexes: Path | None = None,
    rules: Path | None = None,
    seed: Path | None = None,
    export: Path | None = None,
    latency_ms: float,
) -> None:
    """Run the emulators whose port is given, until SIGINT or SIGTERM, and print the variables to set.

    Args:
        firestore: Firestore's port, 0 for any free one, None to leave it out.
        firestore_rest: the port on which the same Firestore answers runQuery over REST; None to leave that out.
        tasks: that of Cloud Tasks. An identity provider on a free port signs its OIDC tokens, and those of Pub/Sub.
        tasks_rest: the port on which the same Cloud Tasks speaks REST; None to leave that out.
        pubsub: that of Pub/Sub.
        storage: that of Cloud Storage.
        indexes: the index file that has all indexes of Firestore; None: it lacks none.
        rules: the file with the security rules of Firestore; None: there are none.
        seed: a file with the documents that Firestore has from the start.
        export: the file into which its documents are written at the end.
        latency_ms: milliseconds added to every API call.

    Raises:
        PortInUse: another process has a port.
        LocalCloudError: a file cannot be read or written, or is not what it should be.
    """
    if export is not None and not os.access(export.parent, os.W_OK | os.X_OK):
        raise LocalCloudError(f"{export} cannot be written: {export.parent} is not a folder that you can write to.")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    clock = Clock()
    middleware = [latency(latency_ms / 1000, clock.sleep)] if latency_ms else []
    identity = IdentityProvider(host=_HOST, port=0, clock=clock)
    emulators: dict[str, FirestoreEmulator | TasksEmulator | PubSubEmulator | StorageEmulator] = {}
    if firestore is not None:
        emulators["FIRESTORE_EMULATOR_HOST"] = FirestoreEmulator(
            host=_HOST,
            port=firestore,
            answers_http=True,
            rest_port=firestore_rest,
            clock=clock,
            middleware=middleware,
            declared_indexes=read_index_file(indexes) if indexes else None,
            on_missing_index=refuse if indexes else None,
            ruleset=_read_rules(rules) if rules else None,
        )
    if pubsub is not None:
        emulators["PUBSUB_EMULATOR_HOST"] = PubSubEmulator(
            host=_HOST, port=pubsub, answers_http=True, clock=clock, middleware=middleware, mint_token=identity.mint
        )
    if tasks is not None:
        emulators["CLOUD_TASKS_EMULATOR_HOST"] = TasksEmulator(
            host=_HOST,
            port=tasks,
            rest_port=tasks_rest,
            clock=clock,
            middleware=middleware,
            mint_token=identity.mint,
        )
    if storage is not None:
        emulators["STORAGE_EMULATOR_HOST"] = StorageEmulator(host=_HOST, port=storage, clock=clock)
    started: list[FirestoreEmulator | TasksEmulator | PubSubEmulator | StorageEmulator | IdentityProvider] = []
    try:
        has_tokens = tasks is not None or pubsub is not None
        for emulator in (identity, *emulators.values()) if has_tokens else emulators.values():
            await emulator.start()
            started.append(emulator)
        store = emulators.get("FIRESTORE_EMULATOR_HOST")
        if isinstance(store, FirestoreEmulator) and seed is not None:
            store.seed(seed)
        for variable, emulator in emulators.items():
            scheme = "http://" if isinstance(emulator, StorageEmulator) else ""
            _say(f"export {variable}={scheme}{_HOST}:{emulator.port}")
            if isinstance(emulator, FirestoreEmulator | TasksEmulator) and emulator.rest_port is not None:
                _say(f"export {_REST_VARIABLES[variable]}={_HOST}:{emulator.rest_port}")
        if has_tokens:
            _say(f"export OIDC_CERTS_URL={identity.certs_url}")
            _say(f"export OIDC_ISSUER={identity.issuer}")
        await stopped.wait()
        if isinstance(store, FirestoreEmulator) and export is not None:
            store.export(export)
    finally:
        for emulator in reversed(started):
            await emulator.stop()


def _say(line: str) -> None:
    # Whoever reads it through a pipe waits for it.
    print(line, flush=True)


def _read_rules(file: Path) -> Ruleset:
    try:
        return Ruleset(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"{file}: {error}") from error
