"""The campaign: its days, its zone, its clock."""
