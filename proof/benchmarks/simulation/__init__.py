"""A discrete-event model of the pipeline on Google Cloud: when the last report of a run is sent, and what it costs."""
