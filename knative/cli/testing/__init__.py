"""`tendril test`: rehearses flows without a platform, and records what tools answer."""
