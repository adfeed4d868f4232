"""What emails and the recipient's page share: the brand, the language, and what links and tags carry."""
