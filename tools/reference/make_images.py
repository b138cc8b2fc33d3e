"""Makes small images of every mode and with faults of real files, and what Pillow decodes from them.

    python make_images.py --out ../testing/fixtures/images/pillow.json

For each name: `file` (base64), `width`, `height` and `rgb` of `Image.open(file).convert('RGB')`, and the same under
`oriented` where `ImageOps.exif_transpose` changes it; `onMagenta` of transparent images pasted on (255, 0, 255); `error`
where Pillow refuses the file.
"""

import argparse
import base64
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin

W, H = 9, 7
random = np.random.RandomState(7)
entries = {}


def gradient(channels):
    planes = [np.add.outer(np.arange(H) * (17 + 9 * c), np.arange(W) * (23 - 5 * c)) + 31 * c for c in range(channels)]
    return np.dstack(planes).astype(np.uint8)


NOISE = random.randint(0, 256, (H, W, 3), np.uint8)
ALPHA = random.choice([0, 1, 60, 128, 254, 255], (H, W)).astype(np.uint8)
GRAY = gradient(1)[:, :, 0]
rgb = Image.fromarray(NOISE)
smooth = Image.fromarray(gradient(3))
rgba = Image.fromarray(np.dstack([NOISE, ALPHA]))
gray = Image.fromarray(GRAY)
gray_alpha = Image.fromarray(np.dstack([GRAY, ALPHA]), "LA")
bilevel = gray.convert("1")
palette16, palette4, palette2 = rgb.quantize(16), rgb.quantize(4), rgb.quantize(2)
palette_alpha = rgba.quantize(16, method=Image.Quantize.FASTOCTREE)
gray16 = Image.fromarray(GRAY.astype(np.uint16) * 256 + 13)
cmyk = Image.fromarray(gradient(4), "CMYK")
ycbcr = rgb.convert("YCbCr")


def pixels(image):
    converted = image.convert("RGB")
    return {"width": converted.width, "height": converted.height, "rgb": base64.b64encode(converted.tobytes()).decode()}


def put(name, data):
    entry = {"file": base64.b64encode(data).decode()}
    try:
        entry.update(pixels(Image.open(io.BytesIO(data))))
        oriented = pixels(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        rgba = Image.open(io.BytesIO(data)).convert("RGBA")
        if rgba.getextrema()[3][0] < 255:
            background = Image.new("RGB", rgba.size, (255, 0, 255))
            background.paste(rgba, mask=rgba.getchannel("A"))
            entry["onMagenta"] = base64.b64encode(background.tobytes()).decode()
        if any(oriented[key] != entry[key] for key in oriented):
            entry["oriented"] = oriented
    except Exception as error:
        entry = {"file": entry["file"], "error": type(error).__name__}
    entries[name] = entry


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def save(name, image, kind, **options):
    put(name, encoded(image, kind, **options))


def orientation(value):
    exif = Image.Exif()
    exif[274] = value
    return exif


def xmp(orientation):
    start = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    start += b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    return start + orientation + b"</rdf:RDF></x:xmpmeta>"


def jpeg_segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(data)) + data


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(color, bits, rows, before=b"", after=b"", end=True):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, bits, color, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + before + data + after + (png_chunk(b"IEND", b"") if end else b"")


def packed(values, bits):
    rows = ["".join(format(int(value), f"0{bits}b") for value in row) for row in values]
    return [int(row + "0" * (-len(row) % 8), 2).to_bytes((len(row) + 7) // 8, "big") for row in rows]


def png_images():
    for name, image in dict(bilevel=bilevel, gray=gray, rgb=rgb, rgba=rgba, palette16=palette16, palette4=palette4,
                            palette2=palette2, gray16=gray16).items():
        save(f"png-{name}", image, "PNG")
    save("png-gray-alpha", gray_alpha, "PNG")
    save("png-palette-alpha", palette_alpha, "PNG")
    save("png-palette-transparent", palette16, "PNG", transparency=3)
    save("png-rgb-transparent", rgb, "PNG", transparency=tuple(int(x) for x in NOISE[2, 2]))
    save("png-gray-transparent", gray, "PNG", transparency=int(GRAY[1, 1]))
    save("png-exif6", rgb, "PNG", exif=orientation(6))
    wide = random.randint(0, 65536, (H, W, 4)).astype(">u2")
    put("png-rgb16", png(2, 16, [row[:, :3].tobytes() for row in wide]))
    put("png-rgba16", png(6, 16, [row.tobytes() for row in wide]))
    put("png-gray-alpha16", png(4, 16, [row[:, :2].tobytes() for row in wide]))
    for bits in (1, 2, 4):
        put(f"png-gray{bits}", png(0, bits, packed(random.randint(0, 2**bits, (H, W)), bits)))
    rows = [row.tobytes() for row in NOISE]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, kind, data in (
        ("gamma", b"gAMA", struct.pack(">I", 100000)),
        ("gamma-zero", b"gAMA", struct.pack(">I", 0)),
        ("srgb", b"sRGB", b"\0"),
        ("profile-malformed", b"iCCP", b"icc\0\0" + zlib.compress(bytes(128) + profile[128:])),
        ("profile-truncated", b"iCCP", b"icc\0\0" + zlib.compress(profile[:100])),
        ("profile-gray", b"iCCP", b"icc\0\0" + zlib.compress(profile.replace(b"RGB ", b"GRAY", 1))),
        ("time-zero", b"tIME", bytes(7)),
        ("chromaticity-malformed", b"cHRM", b"\xff" * 32),
        ("bits-malformed", b"sBIT", b"\x09\x09\x09"),
        ("exif-empty", b"eXIf", b""),
        ("palette-in-rgb", b"PLTE", bytes(9)),
        ("data-empty", b"IDAT", b""),
    ):
        put(f"png-{name}", png(2, 8, rows, png_chunk(kind, data)))
    put("png-size-late", png(2, 8, rows, after=png_chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0))))
    put("png-trailing-bytes", png(2, 8, rows) + b"trailing")
    put("png-no-end", png(2, 8, rows, end=False))
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp(b"><tiff:Orientation>8</tiff:Orientation></rdf:Description>").decode())
    save("png-xmp8", rgb, "PNG", pnginfo=text)
    exif = orientation(6).tobytes()
    text = PngImagePlugin.PngInfo()
    lines = "".join(exif[i : i + 36].hex() + "\n" for i in range(0, len(exif), 36))
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif):8d}\n{lines}", zip=True)
    save("png-imagemagick-exif6", rgb, "PNG", pnginfo=text)
    save("png-animated", rgb, "PNG", save_all=True, append_images=[smooth])
    indices = [bytes((3 * x + y) % 20 for x in range(W)) for y in range(H)]
    put("png-index-beyond-palette", png(3, 8, indices, png_chunk(b"PLTE", bytes(range(30)))))
    longer = png_chunk(b"PLTE", bytes(range(60))) + png_chunk(b"tRNS", b"\x10" * 30)
    put("png-transparency-beyond-palette", png(3, 8, indices, longer))


def jpeg_images():
    for name, image, options in (
        ("gray", gray, {}), ("420", smooth, {}), ("444", smooth, dict(subsampling=0)), ("422", smooth, dict(subsampling=1)),
        ("progressive", smooth, dict(progressive=True)), ("cmyk", cmyk, dict(quality=95)),
        ("rgb", smooth, dict(keep_rgb=True, quality=90)), ("restart", smooth, dict(restart_marker_blocks=1)),
        ("low", rgb, dict(quality=10)),
    ):
        save(f"jpeg-{name}", image, "JPEG", **options)
    for value in range(10):
        save(f"jpeg-exif{value}", smooth, "JPEG", exif=orientation(value), quality=95)
    save("jpeg-xmp6", smooth, "JPEG", xmp=xmp(b' tiff:Orientation="6"/>'))
    save("jpeg-xmp8", smooth, "JPEG", xmp=xmp(b"><tiff:Orientation>8</tiff:Orientation></rdf:Description>"))
    large = smooth.resize((24, 20))
    plain = encoded(large, "JPEG")
    progressive = encoded(large, "JPEG", progressive=True)

    def before(data, marker, junk, which=0):
        places = [i for i in range(len(data) - 1) if data[i] == 0xFF and data[i + 1] == marker]
        return data[: places[which]] + junk + data[places[which] :]

    third = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(b' tiff:Orientation="3"/>'))
    sixth = jpeg_segment(0xE1, orientation(6).tobytes())
    put("jpeg-xmp3-exif6", plain[:2] + third + sixth + plain[2:])
    put("jpeg-exif6-xmp3", plain[:2] + sixth + third + plain[2:])
    put("jpeg-exif1-xmp3", plain[:2] + jpeg_segment(0xE1, orientation(1).tobytes()) + third + plain[2:])
    inks = encoded(cmyk.resize((24, 20)), "JPEG", quality=95)
    put("jpeg-cmyk-without-adobe", inks[:2] + inks[18:])
    for transform in range(3):
        put(f"jpeg-cmyk-adobe{transform}", inks[:17] + bytes([transform]) + inks[18:])
        adobe = jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
        put(f"jpeg-rgb-adobe{transform}", plain[:2] + adobe + plain[20:])
    save("jpeg-multi-picture", smooth, "MPO", save_all=True, append_images=[rgb])
    scan = plain.index(b"\xff\xda")
    scan += 2 + plain[scan + 2] * 256 + plain[scan + 3]
    for marker in (0xDB, 0xC0, 0xC4, 0xDA):
        put(f"jpeg-stray-before-{marker:x}", before(plain, marker, b"\0\1\2\3" * 4))
    put("jpeg-stray-escapes", before(plain, 0xC4, b"\xff\x00\xff\x00"))
    put("jpeg-fill-bytes", before(plain, 0xC4, b"\xff\xff\xff"))
    put("jpeg-stray-before-end", plain[:-2] + bytes(10) + plain[-2:])
    put("jpeg-trailing-bytes", plain + b"trailing")
    put("jpeg-cmyk-stray", before(encoded(cmyk.resize((24, 20)), "JPEG"), 0xDB, bytes(5)))
    put("jpeg-progressive-stray", before(progressive, 0xDA, bytes(5), 2))
    for spectral in ((0, 0, 0), (0, 0, 63), (1, 63, 0), (0, 63, 16)):
        put("jpeg-scan-" + "-".join(map(str, spectral)), plain[: scan - 3] + bytes(spectral) + plain[scan:])
    put("jpeg-jfif-revision", plain.replace(b"JFIF\0\x01", b"JFIF\0\x07", 1))
    put("jpeg-profile-malformed", plain[:2] + b"\xff\xe2\x00\x10ICC_PROFILE\0\x05\x01" + plain[2:])
    put("jpeg-exif-malformed", plain[:2] + b"\xff\xe1\x00\x10Exif\0\0MM\0*\0\0\0\xff" + plain[2:])
    put("jpeg-truncated", plain[:-40])
    put("jpeg-truncated-with-end", plain[:-40] + b"\xff\xd9")
    put("jpeg-truncated-stray", before(plain, 0xDB, bytes(8))[:-40])
    put("jpeg-truncated-stray-with-end", before(plain, 0xDB, bytes(8))[:-40] + b"\xff\xd9")
    put("jpeg-truncated-scan-with-end", (plain[: scan - 3] + bytes(3) + plain[scan:])[:-40] + b"\xff\xd9")
    put("jpeg-truncated-progressive", progressive[:-30])


def webp_images():
    for name, image, options in (
        ("rgb", rgb, dict(lossless=True)), ("rgba", rgba, dict(lossless=True)),
        ("rgba-exact", rgba, dict(lossless=True, exact=True)), ("lossy", rgb, {}), ("lossy-alpha", rgba, {}),
        ("exif8", rgb, dict(lossless=True, exif=orientation(8))),
        ("xmp8", rgb, dict(lossless=True, xmp=xmp(b' tiff:Orientation="8"/>'))),
        ("animated", rgb, dict(lossless=True, save_all=True, append_images=[smooth])),
    ):
        save(f"webp-{name}", image, "WEBP", **options)

    def u24(value):
        return struct.pack("<I", value)[:3]

    def chunk(kind, data):
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    small = encoded(rgba.crop((0, 0, 6, 4)), "WEBP", lossless=True, exact=True)[12:]
    frame = u24(1) + u24(1) + u24(5) + u24(3) + u24(100) + b"\0"
    body = chunk(b"VP8X", bytes([0x12, 0, 0, 0]) + u24(W - 1) + u24(H - 1))
    body += chunk(b"ANIM", bytes([9, 8, 7, 255, 0, 0])) + chunk(b"ANMF", frame + small)
    put("webp-animated-partial", b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)


def gif_images():
    for name, image, options in (
        ("palette", palette16, {}), ("gray", gray, {}), ("bilevel", bilevel, {}), ("rgba", rgba, {}),
        ("transparent", palette16, dict(transparency=3)), ("interlaced", palette16, dict(interlace=1)),
        ("not-interlaced", palette16, dict(interlace=0)),
        ("animated", palette16, dict(save_all=True, append_images=[palette4, palette2], disposal=2, loop=0)),
    ):
        save(f"gif-{name}", image, "GIF", **options)


def tiff(tags, strips):
    """A little-endian file of one page; a tag is (id, type, count, values or bytes)."""
    letters = {1: "B", 2: "s", 3: "H", 4: "I", 11: "f"}
    place = 8 + 2 + 12 * len(tags) + 4
    directory, body = struct.pack("<H", len(tags)), b""
    for tag, kind, count, value in sorted(tags):
        data = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{letters[kind]}", *value)
        directory += struct.pack("<HHI", tag, kind, count)
        if tag == 273:
            directory += b"OFFS"
        elif len(data) <= 4:
            directory += data.ljust(4, b"\0")
        else:
            directory += struct.pack("<I", place + len(body))
            body += data + bytes(len(data) % 2)
    start = place + len(body)
    if len(strips) > 1:
        starts = start + 4 * len(strips) + np.cumsum([0] + [len(strip) for strip in strips[:-1]])
        body += struct.pack(f"<{len(strips)}I", *starts)
    return b"II*\0" + struct.pack("<I", 8) + directory.replace(b"OFFS", struct.pack("<I", start)) + bytes(4) + body + b"".join(strips)


def tiff_of(photometric, bits, samples, data, extra=(), planar=1, kind=None):
    strips = data if isinstance(data, list) else [data]
    tags = [(256, 4, 1, [W]), (257, 4, 1, [H]), (258, 3, samples, [bits] * samples), (259, 3, 1, [1]),
            (262, 3, 1, [photometric]), (273, 4, len(strips), [0] * len(strips)), (277, 3, 1, [samples]), (278, 4, 1, [H]),
            (279, 4, len(strips), [len(strip) for strip in strips]), (284, 3, 1, [planar]), *extra]
    if kind:
        tags.append((339, 3, samples, [kind] * samples))
    return tiff(tags, strips)


def tiff_images():
    for name, image, options in (
        ("bilevel", bilevel, {}), ("bilevel-g4", bilevel, dict(compression="group4")), ("gray", gray, {}),
        ("gray-alpha", gray_alpha, {}), ("rgb", rgb, {}), ("rgb-lzw", rgb, dict(compression="tiff_lzw")),
        ("rgb-deflate", rgb, dict(compression="tiff_adobe_deflate")), ("rgb-packbits", rgb, dict(compression="packbits")),
        ("rgb-jpeg", smooth, dict(compression="jpeg")), ("ycbcr-jpeg", smooth.convert("YCbCr"), dict(compression="jpeg")),
        ("rgba", rgba, {}), ("palette", palette16, {}), ("cmyk", cmyk, {}), ("ycbcr", ycbcr, {}),
        ("ycbcr-lzw", ycbcr, dict(compression="tiff_lzw")), ("gray16", gray16, {}),
        ("int32", Image.fromarray(GRAY.astype(np.int32) * 3 - 100), {}), ("white-is-zero", gray, dict(tiffinfo={262: 0})),
        ("big", rgb, dict(big_tiff=True)), ("pages", rgb, dict(save_all=True, append_images=[smooth])),
        ("zstd", rgb, dict(compression="zstd")),
    ):
        save(f"tiff-{name}", image, "TIFF", **options)
    save("tiff-xmp8", rgb, "TIFF", tiffinfo={700: xmp(b' tiff:Orientation="8"/>')})
    for value in range(2, 9):
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory[274] = value
        save(f"tiff-orientation{value}", rgb, "TIFF", tiffinfo=directory)
    noise = NOISE.tobytes()
    four = np.dstack([NOISE, ALPHA])
    wide = random.randint(0, 65536, (H, W, 4)).astype("<u2")
    indices = random.randint(0, 256, (H, W)).astype(np.uint8)
    colors = [int(x) for x in random.randint(0, 256, 48) * 257]
    premultiplied = (NOISE.astype(int) * ALPHA[:, :, None] // 255).astype(np.uint8)
    extra = lambda value: [(338, 3, 1, [value])]
    put("tiff-private-tags", tiff_of(2, 8, 3, noise, [(50000, 1, 4, b"abcd"), (65000, 2, 6, b"hello\0")]))
    put("tiff-rgb16", tiff_of(2, 16, 3, wide[:, :, :3].tobytes()))
    put("tiff-rgba16", tiff_of(2, 16, 4, wide.tobytes(), extra(2)))
    put("tiff-rgba-premultiplied", tiff_of(2, 8, 4, np.dstack([premultiplied, ALPHA]).tobytes(), extra(1)))
    put("tiff-rgb-and-unspecified", tiff_of(2, 8, 4, four.tobytes(), extra(0)))
    put("tiff-rgb-and-undeclared", tiff_of(2, 8, 4, four.tobytes()))
    put("tiff-planes", tiff_of(2, 8, 3, [NOISE[:, :, c].tobytes() for c in range(3)], planar=2))
    put("tiff-cmyk16", tiff_of(5, 16, 4, wide.tobytes()))
    put("tiff-gray4", tiff_of(1, 4, 1, b"".join(packed(indices % 16, 4))))
    put("tiff-gray4-white-is-zero", tiff_of(0, 4, 1, b"".join(packed(indices % 16, 4))))
    put("tiff-palette4", tiff_of(3, 4, 1, b"".join(packed(indices % 16, 4)), [(320, 3, 48, colors)]))
    put("tiff-uint32", tiff_of(1, 32, 1, random.randint(0, 600, (H, W)).astype("<u4").tobytes(), kind=1))
    put("tiff-float32", tiff_of(1, 32, 1, (random.rand(H, W) * 400 - 50).astype("<f4").tobytes(), kind=3))
    put("tiff-int16", tiff_of(1, 16, 1, random.randint(-300, 600, (H, W)).astype("<i2").tobytes(), kind=2))
    put("tiff-ycbcr-subsampled", tiff_of(6, 8, 3, bytes(H * W * 2), [(530, 3, 2, [2, 2])]))
    put("tiff-truncated", tiff_of(2, 8, 3, noise)[:-20])
    put("tiff-truncated-undeclared", tiff_of(2, 8, 4, four.tobytes())[:-20])


def bmp_images():
    for name, image in dict(bilevel=bilevel, gray=gray, palette16=palette16, palette4=palette4, rgb=rgb, rgba=rgba).items():
        save(f"bmp-{name}", image, "BMP")

    def bmp(bits, data, colors=b"", size=40, compression=0, masks=b"", height=H):
        if size == 12:
            header = struct.pack("<IHHHH", 12, W, height, 1, bits)
        else:
            header = struct.pack("<IiiHHIIiiII", size, W, height, 1, bits, compression, len(data), 2835, 2835, 0, 0)
            header = (header + masks).ljust(size, b"\0")
        start = 14 + len(header) + len(colors)
        return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + colors + data

    def rows(bits):
        return b"".join(random.bytes((W * bits + 7) // 8).ljust(4 * ((W * bits + 31) // 32), b"\0") for _ in range(H))

    put("bmp-os2", bmp(4, rows(4), random.bytes(48), size=12))
    put("bmp-top-down", bmp(24, rows(24), height=-H))
    put("bmp-555", bmp(16, rows(16)))
    put("bmp-565", bmp(16, rows(16), compression=3, masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F)))
    for name, masks in (("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000)), ("abgr", (0xFF000000, 0xFF0000, 0xFF00, 0xFF))):
        put(f"bmp-{name}", bmp(32, rows(32), size=124, compression=3, masks=struct.pack("<4I", *masks)))
    runs = b"".join(bytes([4, 17 + y, 0, 5, 1, 2, 3, 4, y, 0, 0, 0]) for y in range(H)) + b"\0\1"
    put("bmp-rle8", bmp(8, runs, random.bytes(1024), compression=1))
    halves = b"".join(bytes([5, 0x12 + y, 0, 4, 0x34, 0x56, 0, 0]) for y in range(H)) + b"\0\1"
    put("bmp-rle4", bmp(4, halves, random.bytes(64), compression=2))
    put("bmp-truncated", bmp(24, rows(24))[:-20])


def avif_images():
    for name, image, options in (
        ("rgb", smooth, {}), ("rgba", rgba, {}), ("exif6", smooth, dict(exif=orientation(6))),
    ):
        save(f"avif-{name}", image, "AVIF", quality=100, subsampling="4:4:4", **options)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()
for make in (png_images, jpeg_images, webp_images, gif_images, tiff_images, bmp_images, avif_images):
    make()
with open(arguments.out, "w") as file:
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
    file.write("{\n" + lines + "\n}\n")
