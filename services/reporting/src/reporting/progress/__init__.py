"""How far what is known has been applied."""
