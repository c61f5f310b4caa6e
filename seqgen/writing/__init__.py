"""Writing with a model at hand: suggestions for a text or a piece of music that changes with every key."""
