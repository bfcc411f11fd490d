"""What a run is made of: its network, its data and the weights it works with."""
