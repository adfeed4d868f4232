"""Reports as they would go out, by the worker's own code, with sample or live data."""
