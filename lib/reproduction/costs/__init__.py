"""What recording costs: bytes, time and accuracy."""
