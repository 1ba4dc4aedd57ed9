"""What the paper claims, and what the stored runs say of it."""
