"""What callers do with price changes (`calling`), and what the worker does (`steps`)."""
