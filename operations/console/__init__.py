"""The web console: what the pipeline does, to look at and to act on. Its pages call what the commands call.

application.py puts it together; pages/ has a module for each page.
"""
