"""Funnels as they are told, and the prediction of the next stage. Pure."""
