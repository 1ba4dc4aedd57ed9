"""Pictures of the complete data's results, drawn for wide screens and for phones."""
