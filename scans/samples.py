"""A small sample of each compressed transfer syntax, to see what this installation really decodes.

The picture is a ramp of 16 x 16 pixels, 12 of 16 bit (8 bit for JPEG baseline and the progressive ones); the
codestreams were made by GDCM, Pillow and imagecodecs.
"""

import base64
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, CTImageStorage

from scans.decoder import decode
from scans.header import read_header
from scans.outcome import Refusal

SIDE = 16
LOSSY_ERROR = {8: 8, 12: 16}  # grey values of 256, of 4096

# fmt: off
CODESTREAMS: Mapping[str, tuple[str, int, str]] = {
    "1.2.840.10008.1.2.4.50": ("JPEG baseline", 8, (
        "/9j/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQH/wAAL"
        "CAAQABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEG"
        "E1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4"
        "eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6"
        "/9oACAEBAAA/AP52/wDgm3pv/IA+X/n27f7tf6AH/BNvTf8AkAfL/wA+3b/dr+D/AP4Jt6b/AMgD5f8An27f7tf6AH/BNvTf+QB8"
        "v/Pt2/3a/9kA"
    )),
    "1.2.840.10008.1.2.4.57": ("JPEG lossless", 12, (
        "/9j/wwALEAAQABABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAACAUQ/9oACAEBAAEAAM+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6"
        "fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9P"
        "p9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0"
        "+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9"
        "Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+v/9kA"
    )),
    "1.2.840.10008.1.2.4.70": ("JPEG lossless SV1", 12, (
        "/9j/wwALEAAQABABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAACAUQ/9oACAEBAAEAAM+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6"
        "fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9P"
        "p9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0"
        "+qD6fT6fT6fT6fT6fT6fT6fT6oPp9Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+qD6fT6fT6fT6fT6fT6fT6fT6oPp9"
        "Pp9Pp9Pp9Pp9Pp9Pp9Pqg+n0+n0+n0+n0+n0+n0+n0+v/9kA"
    )),
    "1.2.840.10008.1.2.5": ("RLE", 12, (
        "AgAAAEAAAABQAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8ADQECAwQFBgcI"
        "CQoLDA0ODwABAgIDBAUGBwgJCgsMDQ4PAAECAwQFBQYHCAkKCwwNDg8AAQIDBAUGBwgICQoLDA0ODwABAgMEBQYHCAkKCgsMDQ4P"
        "AAECAwQFBgcICQoLDA0NDg8AAQIDBAUGBwgJCgsMDQ4PDwABAgMEBQYHCAkKCwwNDg8PAAECAwQFBgcICQoLDA0ODw8AAQIDBAUG"
        "BwgJCgsMDQ4PDwABAgMEBQYHCAkKCwwNDg8PAAECAwQFBgcICQoLDA0ODw8AAQIDBAUGBwgJCgsMDQ4PDwABAgMEBQYHCAkKCwwN"
        "Dg8PAAECAwQFBgcICQoLDA0ODw8AAQIDBAUGBwgJCgsMDQ4PDwD69O7o4tzW0MrEvriyrKYPEAoE/vjy7Obg2tTOyMK8tg8gGhQO"
        "CAL89vDq5N7Y0szGDzAqJB4YEgwGAPr07uji3NYPQDo0LigiHBYQCgT++PLs5g9QSkQ+ODIsJiAaFA4IAvz2D2BaVE5IQjw2MCok"
        "HhgSDAYPcGpkXlhSTEZAOjQuKCIcFg+AenRuaGJcVlBKRD44MiwmD5CKhH54cmxmYFpUTkhCPDYPoJqUjoiCfHZwamReWFJMRg+w"
        "qqSemJKMhoB6dG5oYlxWD8C6tK6oopyWkIqEfnhybGYP0MrEvriyrKagmpSOiIJ8dg/g2tTOyMK8trCqpJ6YkoyGD/Dq5N7Y0szG"
        "wLq0rqiinJY="
    )),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS lossless", 12, (
        "/9j/9wALEAAQABABAREA//gADQH//wASAEMBFABA/9oACAEBAAAAAK+d8753x+/7fr+n5/l+P4ff9324QQgg9DkNRiLRSJSEdGRk"
        "VFQghBERERERo0aNGjRIkSJB6D0SJEiRIkSJChRRRRQ5DkUUUUUUUUUUUUUUNQ1FFFFFFFFFFFFFBGIxBCEIQhCEIQhCLRaEIQhC"
        "EIQhCEIpFIQhCERERERESiURERERERERISEREREREkkjo6SSSSSSSMjJJJJJJKjIyqqqqoqKqqqqqKiq/3xA/9kA"
    )),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 lossless", 12, (
        "/0//UQApAAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1IADAAAAAEAAwQEAAH/XAANQICIiJCIiJCIiJD/"
        "ZAAqAAFDcmVhdGVkIGJ5IEdEQ00vT3BlbkpQRUcgdmVyc2lvbiAyLjMuMP+QAAoAAAAAAFYAAf+T3/iQUAeBV1g+ML6NQPTAfyCQ"
        "AfaBgA0C+G4LPYTAP2B4AH1AoCIaEFqbdB8Df91SP8APwCoAD5woNqGFR+geABM98z2mNGB//9k="
    )),
    "1.2.840.10008.1.2.4.51": ("JPEG extended, 12 bit", 12, (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoK"
        "CgoKBggLDAsKDAkKCgr/wQALDAAQABABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAADf/EABsQAAAHAQAAAAAAAAAAAAAAAAAJDSU4"
        "Q1Zz/9oACAEBAAA/ADotOMy24IsGbq4h9ATjMtuCLBm6uICv04zLbgiwZuriH0BOMy24IsGbq4j/2Q=="
    )),
    "1.2.840.10008.1.2.4.55": ("JPEG progressive", 8, (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoK"
        "CgoKBggLDAsKDAkKCgr/wgALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAACAn/2gAIAQEAAAABO1AAfQD/xAAWEAADAAAA"
        "AAAAAAAAAAAAAAAAAwf/2gAIAQEAAQUCmyybLJssmyz/xAAVEAEBAAAAAAAAAAAAAAAAAAAAAv/aAAgBAQAGPwKEIQ//xAAVEAEB"
        "AAAAAAAAAAAAAAAAAABRAP/aAAgBAQABPyEZDIZDL//aAAgBAQAAABAP/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQABPxAE"
        "IQn/2Q=="
    )),
    "1.2.840.10008.1.2.4.201": ("HTJ2K lossless", 12, (
        "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCI"
        "kJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAHwAAf+TwAAmf/YFB3QAAMAAE0AAEoDY8QOH"
        "dAAiAYd0AMAAE8AAEwDoQMcDAnQAkJAAQ1QAwAAVUAAFUGSQQQYZqnKCdQBGwzD+wBCB7LYAwAAtCAAFYPLy8vLy8vLy58p6enGC"
        "eADe3d3d/fJ798nsuAD/2Q=="
    )),
    "1.2.840.10008.1.2.4.203": ("HTJ2K", 12, (
        "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAAKv9SAAwAAgABAAUEBEAA/1wAIyK3"
        "GLbqtuq2vK8ArwCu4qdMp0ynZJADkAOQRpfSl9KXYf9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/kAAKAAAAAAC9AAH/k8AAATjn"
        "ieAIB3QAAMAAAmgAAEpA9ASHdABuAod0AMAABVQAAFSAt3ALfM/3AcK0AAkAJCDgAQa0AMAAFtQAAWiAePEkJKaaSmih8fAkJKaa"
        "SmihAGcHGEBZmADWzCb6hD7RE/0ACECm7Wo4AMAAF0kAAFrgfH5rS1aW529tycry/K0tWVmev7UlK/tcElfyV/JX4wrCC30AVlUH"
        "Dz04eHDw4OB+Tkp0+Sm7WtVqPAD/2Q=="
    )),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", 12, (
        "/0//UQApAAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABCwEB/1IADgECAAEAAQQEAACIiP9cAAtCaCR303fTd2L/"
        "ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAABhAAH/k8+9ABFP3eETtmO7HD+GSZPjjxJgSe8w"
        "3BXgBwhcpawnO4RnmMb4OewETgMl4tFSv89q36mApR7QDfuJmv3V4TEMD9nAfCPABGA2oYHPh7WFPaYt/9k="
    )),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS near-lossless", 12, (
        "/9j/6AAgU1BJRkYAAgAAAQAAABAAAAAQChAGAQAAASwAAAEs/+gACAAAAAH/2P/3AAsQABAAEAEBEQD/+AANAf//ABgATQEiAED/"
        "2gAIAQEAAgAArHY7Hx8PHw8PDv8HfX19dg0GhoaJGiSSRSRRRRQiDSlKUJShKEJQhDQ0IiKiKiqiohIaoioiIqIiKjRoqIiJJJJI"
        "kSTSSSSSSNEkkkkkqpJKqqqqikqqqqqST/9xRf9+SL//RSf/eKL/fxQf/2T/2Q=="
    )),
}
# fmt: on
SAME = {  # syntaxes that the same codestream is lawful in
    "1.2.840.10008.1.2.4.53": ("JPEG spectral selection", "1.2.840.10008.1.2.4.55"),
    "1.2.840.10008.1.2.4.202": ("HTJ2K lossless RPCL", "1.2.840.10008.1.2.4.201"),
}
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 81, 91, 203))


def decode_samples() -> dict[str, bool]:
    """Return the name of each compressed syntax and whether its sample decodes to the ramp."""
    return {name: _decodes(uid, bits, content) for uid, name, bits, content in samples()}


def samples() -> Iterator[tuple[str, str, int, bytes]]:
    """Yield for each compressed syntax its UID, its name, the bits of the picture and a whole DICOM file."""
    for uid, (name, bits, text) in CODESTREAMS.items():
        yield uid, name, bits, _file(uid, bits, base64.b64decode(text))
    for uid, (name, like) in SAME.items():
        _, bits, text = CODESTREAMS[like]
        yield uid, name, bits, _file(uid, bits, base64.b64decode(text))


def ramp(bits: int) -> np.ndarray:
    """Return the picture, (16, 16) integers: steep along a row, gentle down a column."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray(x * 16 + y if bits == 8 else x * 250 + y * 16)


def _decodes(uid: str, bits: int, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        path.write_bytes(content)
        try:
            found = decode(content, read_header(path)).reshape(SIDE, SIDE).astype(int)
        except Refusal:
            return False
    return bool(np.abs(found - ramp(bits)).max() <= (LOSSY_ERROR[bits] if uid in LOSSY else 0))


def _file(uid: str, bits: int, codestream: bytes) -> bytes:
    """Return a DICOM file around one codestream."""
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.SOPInstanceUID = ds.SeriesInstanceUID = ds.StudyInstanceUID = "2.25.1"
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    ds.PixelData = encapsulate([codestream])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(uid)
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()
