"""The domain of price changes: pure."""
