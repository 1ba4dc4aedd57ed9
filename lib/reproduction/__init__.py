"""The reproduction: everything that makes the book, on top of the library."""
