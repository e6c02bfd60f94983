"""`CvBridge`: views and copies between image messages and numpy arrays."""

import array

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from cv_bridge.encodings import CvBridgeError, convert, parse


class CvBridge:
    """Converts images; holds no state. Every error is a CvBridgeError."""

    def imgmsg_to_cv2(self, img_msg, desired_encoding="passthrough"):
        """The image as an array (h, w) or (h, w, channels) in native byte order.

        Where nothing is to be converted the array is a view of the message's data, not a copy.
        """
        return convert(_pixels(img_msg), img_msg.encoding, desired_encoding)

    def cv2_to_imgmsg(self, cvim, encoding="passthrough", header=None):
        """An Image of the array (h, w) or (h, w, channels); "passthrough" names it after its type, such as 8UC3."""
        plain = _plain_encoding(cvim)
        encoding = plain if encoding == "passthrough" else encoding
        if parse(encoding)[:2] != parse(plain)[:2]:
            raise CvBridgeError(f"an array of type {plain} cannot be an image of encoding {encoding}")
        pixels = np.ascontiguousarray(cvim, dtype=cvim.dtype.newbyteorder("<"))
        height, width = cvim.shape[:2]
        message = Image(height=height, width=width, encoding=encoding, step=pixels.strides[0], data=_octets(pixels))
        message.header = message.header if header is None else header
        return message

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg, desired_encoding="passthrough"):
        """Decode a JPEG, PNG ... ; colour comes out as BGR ("passthrough") or as the encoding asked for."""
        pixels = cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            octets = len(cmprs_img_msg.data)
            raise CvBridgeError(f"cannot decode a compressed image of format {cmprs_img_msg.format!r}, {octets} octets")
        colour = {1: "mono", 3: "bgr", 4: "bgra"}[1 if pixels.ndim == 2 else pixels.shape[2]]
        return convert(pixels, f"{colour}{pixels.dtype.itemsize * 8}", desired_encoding)

    def cv2_to_compressed_imgmsg(self, cvim, dst_format="jpg"):
        """Encode an array that OpenCV can write as `dst_format` ("jpg", "png" ...)."""
        plain = _plain_encoding(cvim)
        try:
            written, encoded = cv2.imencode(f".{dst_format}", cvim)
        except cv2.error as error:
            raise CvBridgeError(f"cannot write an array of type {plain} as {dst_format!r}: {error}") from error
        if not written:
            raise CvBridgeError(f"cannot write an array of type {plain} as {dst_format!r}")
        return CompressedImage(format=dst_format, data=_octets(encoded))


def _pixels(message):
    """A view of the message's data as (h, w[, channels]); a copy only where the byte order is foreign."""
    dtype, channels, _ = parse(message.encoding)
    height, width, step = message.height, message.width, message.step
    row = width * channels * dtype.itemsize
    if height <= 0 or width <= 0:
        raise CvBridgeError(f"an image of {width} x {height} pixels has nothing in it")
    if step < row:
        raise CvBridgeError(f"step is {step}, but a row of {width} pixels of {message.encoding} takes {row} octets")
    # The last row may lack its padding.
    if len(message.data) < step * (height - 1) + row:
        raise CvBridgeError(f"data has {len(message.data)} octets, but {height} rows of step {step} take {step * height}")
    shape = (height, width) if channels == 1 else (height, width, channels)
    strides = (step, channels * dtype.itemsize, dtype.itemsize)[: len(shape)]
    stored = dtype.newbyteorder(">" if message.is_bigendian else "<")
    return np.ndarray(shape, stored, memoryview(message.data), strides=strides).astype(dtype, copy=False)


def _octets(contiguous):
    """One memory copy, into the array type that a message's uint8[] field takes as it is."""
    octets = array.array("B")
    octets.frombytes(memoryview(contiguous).cast("B"))
    return octets


def _plain_encoding(pixels):
    """The encoding, such as 8UC3, of an array (h, w) or (h, w, channels); CvBridgeError where it is no image."""
    letter = {"u": "U", "i": "S", "f": "F"}.get(pixels.dtype.kind) if isinstance(pixels, np.ndarray) else None
    if letter is None or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        what = f"an array {pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else f"a {type(pixels).__name__}"
        raise CvBridgeError(f"an image is a numpy array of numbers, (h, w) or (h, w, channels), not {what}")
    return f"{pixels.dtype.itemsize * 8}{letter}C{pixels.shape[2] if pixels.ndim == 3 else 1}"
