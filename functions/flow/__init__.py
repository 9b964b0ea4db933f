"""`flow`: the door and the clock. It starts runs, shows them, fires what is due."""
