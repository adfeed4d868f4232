"""Google Chat: a card in a space."""
