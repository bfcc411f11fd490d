"""Labels, features and similarity of videos outside a dataset, by a trained model."""
