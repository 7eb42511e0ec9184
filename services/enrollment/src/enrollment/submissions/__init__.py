"""What counters send: authenticated, named, decided, and told to the device."""
