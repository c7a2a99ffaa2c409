"""What models are made of: costs, the plan of a run, V instruction by instruction."""
