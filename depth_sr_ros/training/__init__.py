"""Training on generated scenes: data, losses, the trainer and its recipes."""
