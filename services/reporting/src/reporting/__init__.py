"""The reporting service: how far each school is."""
