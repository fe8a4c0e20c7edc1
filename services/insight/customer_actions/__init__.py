"""What happened away from the product: calls, meetings, deals."""
