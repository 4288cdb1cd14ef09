"""Files with several images."""

import io

from PIL import Image, TiffImagePlugin

from kuzushiji.imaging.several import images_in

TONES = [Image.new("L", (8, 6), tone) for tone in (10, 20, 30)]


def saved(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    TONES[0].save(file, form, save_all=True, append_images=TONES[1:], **options)
    return file.getvalue()


def test_each_comes_as_an_image_and_one_alone_as_the_file() -> None:
    for form, options in (("TIFF", {}), ("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        found = [image.convert("L").getpixel((0, 0)) for image in images_in(saved(form, **options))]
        assert found == [10, 20, 30], form
    alone = io.BytesIO()
    TONES[0].save(alone, "TIFF")
    for content in (alone.getvalue(), b"no image", saved("TIFF")[:7]):
        assert list(images_in(content)) == [content]


def test_a_smaller_copy_is_no_image_of_its_own() -> None:
    file = io.BytesIO()
    small = TiffImagePlugin.ImageFileDirectory_v2()
    small[254] = 1
    with TiffImagePlugin.AppendingTiffWriter(file) as writer:
        TONES[0].save(writer, "TIFF")
        writer.newFrame()
        TONES[1].save(writer, "TIFF", tiffinfo=small)
    (content,) = images_in(file.getvalue())
    assert isinstance(content, bytes)
