"""functions-framework loads this file instead of a function's own: it sets the world's time, and then loads the
function."""

import importlib
import os
from pathlib import Path

from tests.faults.world_time import FILE_VARIABLE, follow

follow(Path(os.environ[FILE_VARIABLE]))
# https://cloud.google.com/run/docs/container-contract#services-env-vars
_name = os.environ["K_SERVICE"]
globals()[_name] = getattr(importlib.import_module(f"functions.{_name}.main"), _name)
