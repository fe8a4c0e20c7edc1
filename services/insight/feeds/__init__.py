"""What is handed to the concierge and the tier manager, recorded and audited."""
