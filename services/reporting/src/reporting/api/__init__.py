"""HTTP in: questions about a campaign, as of a day, as known at an instant."""
