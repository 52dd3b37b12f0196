"""Golden rows of the model that doubles."""

GOLDEN_TEXT = """
{"inputs": {"x": {"datatype": "FP32", "shape": [2, 3], "values": [1, 2, 3, "NaN", 0.5, -1]}},
 "outputs": {"y": {"datatype": "FP32", "shape": [2, 3], "values": [2, 4, 6, "NaN", 1, -2]}}}
"""
