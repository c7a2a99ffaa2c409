"""The instruction set: the declared table, words, and the memory regions of an instruction."""
