"""The data path: datasets, decoding, prepared records and the input pipeline."""
