"""The projection of recordings: every revision, the latest of each person, the day counts."""
