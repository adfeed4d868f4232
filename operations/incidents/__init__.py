"""An incident: all that happened in a time, beside each other."""
