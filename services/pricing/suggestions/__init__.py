"""A price within the guard-rails that promises more than today's, or why there is none.

It is looked for over all that is believed of demand, with a seed that is told: the same data give
the same suggestion. What is suggested is kept with all that it rests on, and audited, so that an
approval can freeze it; it changes no price.
"""
