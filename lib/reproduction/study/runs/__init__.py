"""What one run does: a configuration in, its result out."""
