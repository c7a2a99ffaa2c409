"""gemm_w8a16_msd."""
