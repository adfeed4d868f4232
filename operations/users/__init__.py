"""Users: find them, and everything that the pipeline keeps about one."""
