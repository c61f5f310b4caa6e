"""Evaluation of models: losses, baselines, samples and gradients."""
