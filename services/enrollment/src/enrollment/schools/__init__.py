"""The campaign itself and the schools it goes to."""
