"""Memory and processes of the machine that runs the book."""
