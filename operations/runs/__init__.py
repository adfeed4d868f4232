"""The dispatcher's runs: find them, start one, and let them go on after the breaker has stopped them."""
