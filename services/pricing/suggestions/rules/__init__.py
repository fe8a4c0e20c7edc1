"""The domain of suggestions: pure."""
