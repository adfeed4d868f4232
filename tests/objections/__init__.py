"""Explores which sequences of events, wishes and changes email somebody who has objected, or silence somebody else."""
