"""From an image to its character, with ONNX Runtime, NumPy and Pillow alone.

recognizer.py   images -> candidates
many.py         files and folders of images -> candidates; what can't be read is told
detector.py     the maps of a detector -> boxes of characters
finding.py      a page at any scale, by tiles where it is large -> the boxes of its characters
finder.py       a detector in a file
ngrams.py       which character follows which in old Japanese
language.py     with that, the candidates of characters that follow each other -> which of them is meant
reader.py       a page -> what it says and where
readers.py      what any reader of pages is
ndl.py          the same with the networks of NDL古典籍OCR-Lite, which read whole lines
ndl_files.py    where these lie, how to get them
folder.py       pages -> files of what they say
pretrained.py   the networks that ship with the package
weights/        these networks, each with its card
"""
