"""Many answers, cuts, mutants and sizes: what takes seconds, and no coverage needs."""
