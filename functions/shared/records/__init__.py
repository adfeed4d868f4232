"""What documents, tasks and messages hold, and what may happen to them. Pure."""
