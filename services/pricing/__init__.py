"""What is sold at what price; no price changes without the consent of another person."""
