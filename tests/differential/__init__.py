"""Generated programs, run with the real torch and compared with what headlint says of their text."""
