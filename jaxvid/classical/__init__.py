"""Classical recognition: SIFT descriptors, an encoding of them, a linear SVM (paper B, 3.1)."""
