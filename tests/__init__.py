"""Tests: a module's own, beside suites that every cell and every level runs through."""
