"""Memory, folders and processes of the machine that runs the book."""
