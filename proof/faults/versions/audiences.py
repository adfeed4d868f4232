"""The worker, with the kinds of a scenario beside the shipped ones."""

import os

import kinds

kinds.__path__ = [os.environ["AUDIENCE_KINDS"]]

from functions.worker.main import worker  # noqa: E402, F401  it is served
