"""Update recorders: callbacks that keep what each training step changed."""
