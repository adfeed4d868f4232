"""Dead letters: find them, replay, dismiss and reopen them."""
