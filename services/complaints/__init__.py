"""Complaints: decides how a complaint is judged, answered, carried out and learned from; never ships, pays or signs."""
