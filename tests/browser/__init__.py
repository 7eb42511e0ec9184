"""The page in Chromium, as people see it. `make test-browser` runs these."""
