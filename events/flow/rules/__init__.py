"""What a well-formed flow may still get wrong: one module for each kind of rule."""
