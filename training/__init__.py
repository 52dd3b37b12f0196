"""What is being made: datasets, jobs, workers, trainers, export to ONNX."""
