"""The services: each decides one thing, and none knows another."""
