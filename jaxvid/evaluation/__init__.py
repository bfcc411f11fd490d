"""The scores of a split, the numbers made of them, and how runs are combined."""
