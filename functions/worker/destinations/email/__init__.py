"""Mail: what the worker sends, through whom, and what every email has. `sendgrid/` is one provider."""
