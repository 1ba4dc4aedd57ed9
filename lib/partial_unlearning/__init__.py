"""Layer-wise partial machine unlearning: models, update recorders and unlearners."""
