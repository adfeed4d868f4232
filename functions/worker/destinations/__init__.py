"""Where reports go: a folder for each destination. `email/` is the default one."""
