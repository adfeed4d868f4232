"""The worker, in whose deliveries there is no room for the requests of an email, as if each report had large files."""

from functions.shared.records import stored_request

stored_request.MOST_STORED_BYTES = 0

from functions.worker.main import worker  # noqa: E402, F401  it is served
