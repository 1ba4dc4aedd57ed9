"""The unlearners: one short file each."""
