"""Measurements: the program as it runs, beside yardsticks of the same hour on the same machine."""
