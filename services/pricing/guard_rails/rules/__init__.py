"""The domain of guard-rails: pure."""
