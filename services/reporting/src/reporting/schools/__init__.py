"""The campaign and the schools it goes to."""
