"""The update log: what amnesiac unlearning needs to have been written down while training."""
