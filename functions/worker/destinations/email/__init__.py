"""Mail: what the worker sends, through whom, and what every mail has. `sendgrid/` is one provider."""
