"""A real sentence encoder whose matrix products run on the emulated NPU."""
