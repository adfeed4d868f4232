"""Cloud Tasks, in memory: the API that Google's client libraries speak, and the delivery of tasks over HTTP."""
