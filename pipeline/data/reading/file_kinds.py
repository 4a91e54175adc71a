"""What a file is, by its first bytes: a supported image, an unsupported one, or something else.

The name counts only if the content is inconclusive: a damaged ``1.png`` is still an unreadable
image, and a JPEG without a suffix or with a wrong one is an image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

IMAGES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm",
    ".pgm", ".pbm", ".avif", ".mpo",
)  # fmt: skip
OTHER_IMAGES = (".heic", ".heif", ".jp2", ".jxl", ".psd", ".exr", ".svg", ".dcm")
OTHER = "other file"
LINK = "link"
_CAMERA_RAW = (
    ".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw",
)  # fmt: skip

_READ = {
    rb"\x89PNG\r\n\x1a\n": "PNG image",
    rb"\xff\xd8\xff": "JPEG image",
    rb"BM.{4}\x00{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00": "BMP image",
    rb"RIFF.{4}WEBP": "WebP image",
    rb"II[*+]\x00|MM\x00[*+]": "TIFF image",
    rb"GIF8[79]a": "GIF image",
    rb"P[1-6]\s+(#[^\n]*\n\s*)*\d+\s+(#[^\n]*\n\s*)*\d+\s": "PPM image",
    rb".{4}ftyp(avi[fs]|(mif1|msf1).{4}(.{4}){0,8}?avi[fs])": "AVIF image",
}
_NOT_READ = {
    rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)": "HEIC image",
    rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51": "JPEG 2000 image",
    rb"\x00\x00\x00\x0cJXL ": "JPEG XL image",
    rb"8BPS": "Photoshop image",
    rb"v/1\x01": "OpenEXR image",
    rb".{128}DICM": "DICOM image",
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg": "SVG drawing",
}
_OTHERS = {
    rb"\s*<(!DOCTYPE html|!doctype html|html)": "web page",
    rb"version https://git-lfs": "Git LFS pointer",
    rb"PK\x03\x04|\x1f\x8b|\xfd7zXZ\x00|BZh|Rar!|7z\xbc\xaf|\x28\xb5\x2f\xfd": "archive",
    rb".{257}ustar": "archive",
    rb"%PDF": "PDF file",
    rb".{4}ftyp|RIFF.{4}AVI |\x1a\x45\xdf\xa3": "video",
    rb"\x93NUMPY": "NumPy array",
    rb"\x89HDF": "HDF5 file",
}


@dataclass(frozen=True)
class FileKind:
    """What a file is."""

    name: str
    """In the singular: ``text file``, ``HEIC image``."""
    image: bool
    """Whether it is an image by content or by name, to be read or counted as unreadable."""
    read: bool = False
    """Whether its content should be read and decoded."""
    known: bool = False
    """Whether the kind comes from the content, and not from the name alone."""


def kind_of(name: str, head: bytes | None) -> FileKind:
    """Return what a file is.

    Args:
        name: its path.
        head: its first few hundred bytes, or all; None for a link inside an archive.
    """
    suffix = PurePosixPath(name).suffix.lower()
    named = suffix in IMAGES + OTHER_IMAGES + _CAMERA_RAW
    if head is None:
        return FileKind(LINK, image=named, read=named)
    if found := _match(_READ, head):
        # A camera's raw format is often a TIFF whose first page is a thumbnail.
        raw = suffix in _CAMERA_RAW
        return FileKind("camera raw image" if raw else found, image=True, read=not raw, known=True)
    if found := _match(_NOT_READ, head):
        return FileKind(found, image=True, known=True)
    # If the name is that of an image, decoding reports what is wrong.
    return FileKind(_match(_OTHERS, head) or _plain(head), image=named, read=named)


def is_read_whole(name: str, head: bytes) -> bool:
    """Return whether a file's content is needed beyond its first bytes."""
    return kind_of(name, head).read


def _match(kinds: dict[bytes, str], head: bytes) -> str | None:
    return next((name for magic, name in kinds.items() if re.match(magic, head, re.DOTALL)), None)


def _plain(head: bytes) -> str:
    if not head:
        return "empty file"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text file"
    text = head[: head.rfind(b"\n") + 1] or head
    return OTHER if re.search(rb"[\x00-\x08\x0e-\x1a\x7f]", text) else "text file"
