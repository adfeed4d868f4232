"""The settings, time and cost of a run by the number of reports."""
