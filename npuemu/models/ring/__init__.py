"""GEMMs whose weight the vector cores lift on its way to the cube core, through a ring."""
