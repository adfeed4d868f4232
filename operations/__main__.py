"""`python -m operations`, and the script `reports` at the repository's root."""

from operations.commands.app import app

if __name__ == "__main__":
    app(prog_name="reports")
