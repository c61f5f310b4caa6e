"""Symbolic music: scores, the files they are read from and written to, their theory and their statistics."""
