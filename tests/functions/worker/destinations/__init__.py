"""What every destination of the worker must do, and what each does of its own."""
