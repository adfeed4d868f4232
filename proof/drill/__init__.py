"""A drill: the whole pipeline, deployed as it is for this alone, sends reports that go to no one, and counts them."""
