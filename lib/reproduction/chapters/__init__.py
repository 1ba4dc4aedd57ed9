"""What the chapters of the book show of stored runs, so that notebooks stay short."""
