"""A finished run -> one ONNX file that `kuzushiji.Recognizer` reads without PyTorch, and what its card tells.

graph.py   network -> ONNX, and its weights in half precision or 8 bits
trust.py   how sure it must be to be believed, from validation images
card.py    what it is, how good, and what is to be known of its data
run.py     all of that, checked before anything is kept
"""
