"""journey: where each client stands, how well it is doing, and the next best action for it."""
