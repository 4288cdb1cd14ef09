"""From an image to its character, with ONNX Runtime, NumPy and Pillow alone.

description.py  what an exported network says of itself
recognizer.py   images -> candidates
many.py         files and folders of images -> candidates; what can't be read is told
pretrained.py   the networks that ship with the package
weights/        these networks, each with its card
"""
