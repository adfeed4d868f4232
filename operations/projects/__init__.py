"""Projects: a team's own kinds of report and settings, beside a version of the pipeline that they name."""
