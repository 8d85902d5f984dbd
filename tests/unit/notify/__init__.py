"""Who is told, when and how often."""
