"""HTTP in: one file per noun, with what is sent and returned beside it."""
