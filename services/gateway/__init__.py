"""The gateway: who are you, may you knock, whom do you want. It keeps the directory of staff and has no opinion on cases."""
