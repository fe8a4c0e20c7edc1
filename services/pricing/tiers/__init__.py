"""What is sold at what price, and who is on which tier.

A tier's first price comes with it; every other comes of an approved change. What a subscription
pays is written when it is made and when it moves to another tier, and by nobody else's word.
"""
