"""The same reports under the same faults, through this pipeline and through what a team would use in its place."""
