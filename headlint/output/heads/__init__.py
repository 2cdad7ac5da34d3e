"""What `headlint heads` tells: where the head of every model stands, and the code that replaces it."""
