"""The reference campaign: published figures as data, a simulated replay that arrives at them, and its driver."""
