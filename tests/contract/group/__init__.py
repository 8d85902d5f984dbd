"""What both consumer groups are held to."""
