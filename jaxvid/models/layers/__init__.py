"""Convolution, normalisation and pooling, by the lowering that is fast."""
