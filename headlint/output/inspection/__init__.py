"""What `headlint inspect` shows: every model of a program as one real replay leaves it."""
