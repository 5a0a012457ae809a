"""Measurements, never tests: `make bench` prints figures side by side with a limit measured in the same run."""
