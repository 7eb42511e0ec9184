"""HTTP in: one file per resource."""
