"""When a report is due, what time it covers, and how late it is. Pure."""
