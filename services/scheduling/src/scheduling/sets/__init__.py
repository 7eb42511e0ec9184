"""Recording sets: the devices, each with its crew, that are sent out."""
