"""MNIST and OrganAMNIST, complete or as the embedded sample."""
