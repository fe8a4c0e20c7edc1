"""What came of actions, what is learnt from it, and how much that adds over the rules."""
