"""What a trained network makes of videos outside its dataset."""
