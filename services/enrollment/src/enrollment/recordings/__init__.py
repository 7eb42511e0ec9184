"""Who counts: submissions, persons, decisions."""
