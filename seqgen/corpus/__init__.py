"""From a SOURCE to batches of token ids."""
