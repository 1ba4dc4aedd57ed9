"""How far a model is from a twin, what its layers still know, and attacks on its answers."""
