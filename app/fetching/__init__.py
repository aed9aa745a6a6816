"""Reading what stands at addresses that users give, and nothing of our own network."""
