"""The tables of the papers: their rows, running them, writing them."""
