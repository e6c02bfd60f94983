"""Image files as encoders write them, and as somebody who means harm does."""

import struct
import zlib

import cv2
import numpy as np


def encoded(extension, pixels, *options):
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def chunk(kind, content, length=None):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content) if length is None else length) + kind + content + checksum


def png(width, height, bits, colour_type, rows, *before):
    """A PNG of these inflated rows, each with its filter in front; chunks of `before` stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_of_69_bytes():
    """A 1 x 1 PNG whose only IDAT chunk says that it has 4 GB."""
    data = bytearray(png(1, 1, 16, 0, b"\0\0\0"))
    at = data.index(b"IDAT")
    data[at - 4 : at] = b"\xff" * 4
    return bytes(data)


def tiff(width, height, bits=16, compression=1, pixels=b"\0" * 64, order="<", **more):
    """A TIFF of one strip; tags by number in `more`, as t274=6."""
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    tags |= {int(name[1:]): value for name, value in more.items()}
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(pixels))
    return start + pixels + struct.pack(order + "H", len(tags)) + entries + b"\0" * 4


def bombs():
    """Files of few bytes by what they are, each of which has made a decoder take gigabytes."""
    row = b"\0" + bytes(2 * 4 * 8192)
    noise = np.random.default_rng(0).bytes(600_000)  # so much could hold these pixels
    depth_header = struct.pack("<iff", 0, 0.0, 0.0)
    sparse_jpeg = bytearray(encoded(".jpg", np.zeros((8, 16), np.uint8)))
    at = sparse_jpeg.index(b"\xff\xc0")
    sparse_jpeg[at + 5 : at + 9] = struct.pack(">HH", 8000, 8000)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 27), 1))
    return {
        "png of 69 bytes": png_of_69_bytes(),
        "png that claims 8192 x 8192": png(8192, 8192, 16, 0, bytes(1000)),
        "png that claims 65500 x 65500": png(65500, 65500, 8, 2, bytes(1000)),
        "png that ends early": png(4000, 4000, 16, 6, row * 40),
        "png with more rows than it has": png(64, 64, 16, 2, bytes(1 << 27)),
        "png with a text": png(8, 8, 16, 0, bytes(100), text)[:-12],
        "png of 16-bit RGBA": png(8192, 8192, 16, 6, noise),
        "jpeg that claims 8000 x 8000": bytes(sparse_jpeg),
        "bmp that claims 13000 x 13000": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 13000, 13000, 1, 24, *[0] * 6),
        "tiff 20000 x 20000": tiff(20000, 20000, compression=5),
        "tiff 8000 x 8000 raw": tiff(8000, 8000),
        "tiff with huge tiles": tiff(64, 64, t322=1 << 30, t323=1 << 30),
        "tiff with wide pixels": tiff(4000, 4000, bits=64, compression=5, t277=4000),
        "compressedDepth rvl of zero bytes": depth_header + struct.pack("<ii", 640, 480) + bytes(1 << 20),
        "compressedDepth rvl 2 x 2 and 24 MB": depth_header + struct.pack("<ii", 2, 2) + b"\x04\x00\x00\x00" + bytes(24 << 20),
        "compressedDepth rvl 8192 x 8192": depth_header + struct.pack("<ii", 8192, 8192) + b"\x11" * 64,
    }
