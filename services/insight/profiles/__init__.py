"""How a person works with the product, current as soon as an event is acknowledged."""
