"""GEMMs whose operands come to the cube core as they are."""
