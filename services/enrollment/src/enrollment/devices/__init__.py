"""The counters' devices and what they are told about their submissions."""
