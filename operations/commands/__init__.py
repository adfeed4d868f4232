"""The commands of `reports`: what they take, and how they print what the other folders return."""
