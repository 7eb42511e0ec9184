"""What arrived late: the difference between what was known then and what is known now."""
