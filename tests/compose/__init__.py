"""docker-compose.yml, running: `make test-compose`, where Docker is."""
