"""A schema's definition, read, and what it says of a message's data.

Avro is read by fastavro, Protocol Buffers by protoc of grpcio-tools. Both are large and few need them, so they are
needed only where a schema is made.
https://cloud.google.com/pubsub/docs/schemas
"""

import asyncio
import importlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError
from google.pubsub_v1 import types

AVRO = int(types.Schema.Type.AVRO)
PROTOCOL_BUFFER = int(types.Schema.Type.PROTOCOL_BUFFER)
JSON = int(types.Encoding.JSON)

Check = Callable[[bytes, int], None]
"""Given a message's data and its encoding, raises InvalidData unless the data is of the schema."""


class InvalidDefinition(ValueError):
    """Not a definition of a schema."""


class InvalidData(ValueError):
    """Not data of the schema."""


class NotInstalled(Exception):
    """The package that reads such definitions is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"The local Pub/Sub reads such schemas with {package}: pip install {package}")


async def read_definition(kind: int, definition: str) -> Check:
    """Read a definition.

    Args:
        kind: AVRO or PROTOCOL_BUFFER.
        definition: its text.

    Raises:
        InvalidDefinition: it is not of that kind.
        NotInstalled: the package that reads it is not there.
    """
    return _read_avro(definition) if kind == AVRO else await _read_protocol_buffer(definition)


def _imported(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise NotInstalled(package) from error


def _read_avro(definition: str) -> Check:
    fastavro, validation = _imported("fastavro", "fastavro"), _imported("fastavro.validation", "fastavro")
    named: dict[str, Any] = {}
    try:
        # A definition that is no object fails here, too: a union is no type at the top level.
        schema: Any = fastavro.parse_schema({**json.loads(definition)}, named)
    except Exception as error:  # of many kinds, where keys are missing or of another type
        raise InvalidDefinition(f"{type(error).__name__}: {error}") from error

    def check(data: bytes, encoding: int) -> None:
        try:
            if encoding == JSON:
                _check_avro_json(json.loads(data), schema, named, validation.validate)
                return
            rest = io.BytesIO(data)
            fastavro.schemaless_reader(rest, schema)
        except InvalidData:
            raise
        except Exception as error:  # of many kinds, too
            raise InvalidData(f"{type(error).__name__}: {error}") from error
        if rest.read(1):
            raise InvalidData("there are bytes after its end")

    return check


def _check_avro_json(
    value: Any, schema: Any, named: dict[str, Any], validate: Callable[..., bool], path: str = "the message"
) -> None:
    """https://avro.apache.org/docs/1.11.1/specification/#json-encoding; fastavro's reader of it checks no types."""
    if isinstance(schema, list):
        if isinstance(value, dict) and len(value) == 1:
            [(name, value)] = value.items()
        else:
            name = "null"
        branch = next((each for each in schema if _branch_name(each) == name), None)
        if branch is None:
            names = " or ".join(_branch_name(each) for each in schema)
            raise InvalidData(f"{path} is of a union: null, or an object with one key ({names}), which names its type")
        _check_avro_json(value, branch, named, validate, path)
        return
    if isinstance(schema, str):
        schema = named.get(schema, {"type": schema})
    kind = schema["type"]
    if kind == "record":
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        if not isinstance(value, dict) or set(value) != set(fields):
            raise InvalidData(f"{path} is not an object with the fields {', '.join(fields)}, and no others")
        for name, field in fields.items():
            _check_avro_json(value[name], field, named, validate, f"{path}.{name}")
    elif kind == "array" and isinstance(value, list):
        for index, each in enumerate(value):
            _check_avro_json(each, schema["items"], named, validate, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, dict):
        for name, each in value.items():
            _check_avro_json(each, schema["values"], named, validate, f"{path}.{name}")
    else:
        if kind in {"bytes", "fixed"} and isinstance(value, str):
            value = value.encode("latin-1")
        if not validate(value, schema, raise_errors=False):
            raise InvalidData(f"{path} is no {kind}")


def _branch_name(schema: Any) -> str:
    """How JSON names a branch of a union: by its type, or by the full name of a record, an enum or a fixed."""
    return schema if isinstance(schema, str) else str(schema.get("name", schema["type"]))


async def _read_protocol_buffer(definition: str) -> Check:
    _imported("grpc_tools", "grpcio-tools")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "schema.proto").write_text(definition, encoding="utf-8")
        protoc = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "grpc_tools.protoc", "-I.", "--descriptor_set_out=set", "schema.proto"),
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await protoc.communicate()
        if protoc.returncode:
            raise InvalidDefinition(errors.decode(errors="replace").strip())
        [file] = FileDescriptorSet.FromString((Path(folder) / "set").read_bytes()).file
    if file.dependency:
        raise InvalidDefinition("import statements are not supported")
    if len(file.message_type) != 1:
        raise InvalidDefinition(f"it has {len(file.message_type)} messages at the top level, and must have 1")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    name = ".".join(filter(None, (file.package, file.message_type[0].name)))
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def check(data: bytes, encoding: int) -> None:
        message = kind()
        try:
            if encoding == JSON:
                json_format.Parse(data, message)
            else:
                message.ParseFromString(data)
        except (json_format.ParseError, DecodeError, UnicodeDecodeError) as error:
            raise InvalidData(str(error)) from error
        if not message.IsInitialized():
            raise InvalidData("it lacks a required field")

    return check
