"""From a corpus and a budget to a trained model."""
