"""What each function does of serving requests: its server, the body of a request, who calls, and the answers."""
