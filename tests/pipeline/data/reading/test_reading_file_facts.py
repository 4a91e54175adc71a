"""Headers of image files."""

import io

import numpy as np
from PIL import Image

from pipeline.data.reading.file_facts import noted
from pipeline.storage.file_facts import FileFacts


def encoded(format_, **options):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), dtype=np.uint8)).save(stream, format_, **options)
    return stream.getvalue()


def test_sizes_are_those_after_the_exif_rotation_and_damaged_files_have_none():
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "a.jpg": encoded("JPEG"),
        "turned.jpg": encoded("JPEG", exif=exif),
        "b.png": encoded("PNG"),
        "broken.jpg": b"\xff\xd8\xff nothing",
    }
    facts = {}
    assert dict(noted([*files.items(), ("link", None)], facts)) == {**files, "link": None}
    sizes = {name: len(content) for name, content in files.items()}
    assert facts == {
        "a.jpg": FileFacts(30, 20, sizes["a.jpg"], "JPEG"),
        "turned.jpg": FileFacts(20, 30, sizes["turned.jpg"], "JPEG"),
        "b.png": FileFacts(30, 20, sizes["b.png"], "PNG"),
        "broken.jpg": FileFacts(0, 0, sizes["broken.jpg"], ""),
    }
