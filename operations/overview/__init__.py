"""The state of the whole pipeline at a glance: what is wrong, and the figures of the charts."""
