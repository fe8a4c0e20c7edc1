"""What an organisation's journeys are made of: its settings, versioned and audited."""
