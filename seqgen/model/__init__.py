"""Embedding, recurrent layers and logits."""
