"""Events of clients, exactly once, and what is derived from them: stage, risks and score."""
