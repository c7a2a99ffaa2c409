"""What bits mean: number formats, exact encode and decode, tensors in memory and in files.

``format``   the formats, one definition of each
``scalar``   slow, clear reference: one code at a time, exact rationals
``arrays``   the same meaning over NumPy arrays
``tensor``   tensors between NumPy arrays and the bytes of global memory
``files``    tensors in ``.npy``, ``.npz`` and ``.safetensors`` files
``quantize`` MXFP4 and per-channel int8 quantisation (compiled; the only module here that needs
numba)
"""
