"""Reports without Python: a kind that is a `report.yaml` with queries, figures, a chart and a table.

Nothing here imports SQLAlchemy before the first such report is built.
"""
