"""What measures the pipeline and breaks it."""

import warnings

# As in `local_pipeline`, which not every command imports.
warnings.filterwarnings("ignore", "You are using a .*Python version", FutureWarning)
