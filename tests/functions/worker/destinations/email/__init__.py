"""What every mail provider of the worker must do, and what each does of its own."""
