"""Evaluation by replaying recordings: what each method makes of a robot's own data."""
