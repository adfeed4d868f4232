"""What keeps an email from arriving, and from being read where it arrives."""
