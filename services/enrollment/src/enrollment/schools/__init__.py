"""The schools that a campaign goes to."""
