"""A finished run -> one ONNX file that `kuzushiji.Recognizer` reads without PyTorch, with its card.

graph.py   network -> ONNX, and its weights in half precision or 8 bits
trust.py   how sure it must be to be believed, from validation images
card.py    what it is, how good, and what it is not good for, in Markdown
run.py     all of that, checked before anything is kept
"""
