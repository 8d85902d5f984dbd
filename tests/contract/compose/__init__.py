"""docker-compose.yml against what Compose and our settings allow."""
