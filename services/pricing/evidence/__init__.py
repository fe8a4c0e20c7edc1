"""evidence: what demand says of prices, and how far that can be trusted."""
