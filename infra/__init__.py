"""Files that deployments need: migrations, locked configurations, images. Data, no code."""
