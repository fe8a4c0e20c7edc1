"""What `footfall journey` asks, and how the answers look."""
