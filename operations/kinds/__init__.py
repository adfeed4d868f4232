"""Kinds of report: begin one, translate it, and count what became of its reports."""
