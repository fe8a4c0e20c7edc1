"""computing: heavy arithmetic in processes of its own, and answers that are kept for a while."""
