"""What is known about the HTML of mails: which mail programs show what, and what else keeps a mail from being read."""
