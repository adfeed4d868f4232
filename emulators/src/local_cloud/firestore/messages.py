"""The protobuf classes of google.firestore.v1, taken from the client library.

Raw protobuf, not the library's proto-plus wrappers: those make a Python object of every field that is touched.
The classes are made at run time and have no static types, hence the `Any`.
"""

from typing import Any, TypeAlias

from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.types.query import Cursor as CursorWrapper
from google.cloud.firestore_v1.types.query import StructuredQuery as StructuredQueryWrapper
from google.protobuf.unknown_fields import UnknownFieldSet

Message: TypeAlias = Any
"""A protobuf message of google.firestore.v1."""

Document: Any = types.Document.pb()
Value: Any = types.Value.pb()
StructuredQuery: Any = StructuredQueryWrapper.pb()
Cursor: Any = CursorWrapper.pb()
Write: Any = types.Write.pb()
WriteResult: Any = types.WriteResult.pb()
DocumentTransform: Any = types.DocumentTransform.pb()
TargetChange: Any = types.TargetChange.pb()
ExplainMetrics: Any = types.ExplainMetrics.pb()

BatchGetDocumentsRequest: Any = types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse: Any = types.BatchGetDocumentsResponse.pb()
BatchWriteRequest: Any = types.BatchWriteRequest.pb()
BatchWriteResponse: Any = types.BatchWriteResponse.pb()
BeginTransactionRequest: Any = types.BeginTransactionRequest.pb()
BeginTransactionResponse: Any = types.BeginTransactionResponse.pb()
CommitRequest: Any = types.CommitRequest.pb()
CommitResponse: Any = types.CommitResponse.pb()
CreateDocumentRequest: Any = types.CreateDocumentRequest.pb()
DeleteDocumentRequest: Any = types.DeleteDocumentRequest.pb()
GetDocumentRequest: Any = types.GetDocumentRequest.pb()
ListCollectionIdsRequest: Any = types.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse: Any = types.ListCollectionIdsResponse.pb()
ListDocumentsRequest: Any = types.ListDocumentsRequest.pb()
ListDocumentsResponse: Any = types.ListDocumentsResponse.pb()
ListenRequest: Any = types.ListenRequest.pb()
ListenResponse: Any = types.ListenResponse.pb()
PartitionQueryRequest: Any = types.PartitionQueryRequest.pb()
PartitionQueryResponse: Any = types.PartitionQueryResponse.pb()
RollbackRequest: Any = types.RollbackRequest.pb()
RunAggregationQueryRequest: Any = types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse: Any = types.RunAggregationQueryResponse.pb()
RunQueryRequest: Any = types.RunQueryRequest.pb()
RunQueryResponse: Any = types.RunQueryResponse.pb()
UpdateDocumentRequest: Any = types.UpdateDocumentRequest.pb()
WriteRequest: Any = types.WriteRequest.pb()
WriteResponse: Any = types.WriteResponse.pb()

_VERIFY = 5
"""The field of a `Write` in which web clients name a document that a transaction read and does not write. The service
knows it, though the published definition of the protocol lacks it."""


def verified_document(write: Message) -> str:
    """The name of the document whose precondition is all there is to a write; empty for a write of another kind."""
    fields: Any = UnknownFieldSet(write)
    for unknown in fields:
        if unknown.field_number == _VERIFY and isinstance(unknown.data, bytes):
            return unknown.data.decode()
    return ""
