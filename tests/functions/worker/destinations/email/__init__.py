"""What every email provider of the worker must do, and what each does of its own."""
