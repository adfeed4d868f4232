"""That a service refuses a document."""


class Invalid(ValueError):
    """The service refuses a document. The text is what it says."""
