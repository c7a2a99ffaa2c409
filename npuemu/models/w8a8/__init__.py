"""gemm_w8a8 and gemm_w8a8_grouped."""
