"""How far each school is from its target, now and as known at any moment."""
