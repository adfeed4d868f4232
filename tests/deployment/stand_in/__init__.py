"""A stand-in for gcloud: it keeps state as the services do, and takes only what the real one takes."""
