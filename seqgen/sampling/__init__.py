"""From a model to new text."""
