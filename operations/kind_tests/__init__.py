"""What holds for every email of every kind of report, and the plugin of pytest that tries it: `./reports test`."""
