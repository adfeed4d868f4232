"""What each function does of serving requests: its server, the body of a request, and who calls."""
