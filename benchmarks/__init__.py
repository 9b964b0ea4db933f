"""What Tendril costs, beside what the machine can do at best."""
