"""The pages. Each module has the routes of one and what its address and forms mean; what is shown is read elsewhere."""
