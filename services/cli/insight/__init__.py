"""What `footfall insights` asks, and how the answers look."""
