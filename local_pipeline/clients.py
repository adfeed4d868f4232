"""Google's own clients: the local cloud sets itself up and watches itself over its sockets, like any other client."""

import os

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.tasks_v2 import CloudTasksAsyncClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport


def firestore(project: str, database: str, host: str) -> AsyncClient:
    """A client of a database of the Firestore at `host:port`."""
    # The only way to have the client library speak without TLS and credentials.
    os.environ["FIRESTORE_EMULATOR_HOST"] = host
    return AsyncClient(project=project, database=database, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth is untyped here


def firestore_calls(host: str) -> FirestoreAsyncClient:
    """A client of the Firestore at `host:port` that makes its calls as they are."""
    return FirestoreAsyncClient(transport=FirestoreGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))


def tasks(host: str) -> CloudTasksAsyncClient:
    """A client of the Cloud Tasks at `host:port`."""
    return CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))


def publisher(host: str) -> PublisherAsyncClient:
    """A client of the topics of the Pub/Sub at `host:port`."""
    return PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))


def subscriber(host: str) -> SubscriberAsyncClient:
    """A client of the subscriptions of the Pub/Sub at `host:port`."""
    return SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))
