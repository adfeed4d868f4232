"""Functions that carry out tasks, each with a run of it on the emulators."""

import warnings

# Google's libraries say so of each Python from its end of life on. What the locks hold goes on running.
warnings.filterwarnings("ignore", "You are using a .*Python version", FutureWarning)
