"""What the `schools` topic says: campaigns, their dates and clock, and the schools they go to."""
