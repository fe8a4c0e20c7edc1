"""The rules of the house. Each is a function from a module to its breaches; its docstring is what
whoever broke it gets to read, so it says why the rule is there and what to do instead.
"""
