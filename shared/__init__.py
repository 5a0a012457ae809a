"""The kernel: what every service stands on; it knows no service."""
