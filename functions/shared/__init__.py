"""What two functions, or a function and the `reports` command, need."""
