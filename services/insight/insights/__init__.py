"""Insights and their life: generated, kept, acknowledged, closed, reopened.

One of each type for a subject and feature, for ever under the same id; two runs at once never make
two of it.
"""
