"""A Google Cloud as unkind as the real one: what it does is drawn from a seed, and each rule has a source."""
