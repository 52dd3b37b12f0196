"""What is loaded: from the wanted version to the answer."""
