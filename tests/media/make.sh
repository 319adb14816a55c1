#!/bin/sh
# Makes the media files of this folder; the tests need only the files. Made with ffmpeg 5.1.9 (x264, libvpx,
# libwebp) and Python 3.11: sh make.sh
set -eu
cd "$(dirname "$0")"
ff() { ffmpeg -v error -y -fflags +bitexact "$@"; }

# A white corner at the top left of a blue field: which way up a picture is shows at a glance.
corner="color=c=0x2040a0:s=160x96:r=10:d=0.5,drawbox=w=40:h=24:c=white:t=fill,format=yuv420p"
h264="-c:v libx264 -profile:v baseline -bsf:v filter_units=remove_types=6 -flags:v +bitexact"
quiet="-f lavfi -i anullsrc=r=8000:cl=mono -c:a aac -b:a 8k -shortest"

ff -f lavfi -i "$corner" $quiet $h264 -movflags +faststart plain.mp4
ff -i plain.mp4 -c copy index-last.mp4
ff -i plain.mp4 -c copy plain.mov
ff -i plain.mp4 -vn -c copy -f mp4 sound.mp4
for turn in 90 180 270; do
  # Counter-clockwise, as in ffprobe's "rotation" (checked on the frames: 90 moves the corner to the lower left,
  # and the matrix is a=0 b=-1 c=1 d=0). From ffmpeg 6.0 on: -display_rotation $turn before -i.
  ff -i plain.mp4 -an -c copy -metadata:s:v:0 rotate=$turn -movflags +faststart rotated-$turn.mp4
done
ff -f lavfi -i "$corner,setsar=3/2" $h264 -movflags +faststart wide-pixels.mp4
ff -f lavfi -i "$corner" $h264 -g 2 -movflags +frag_keyframe+empty_moov+default_base_moof fragments.mp4
ff -f lavfi -i "$corner" $h264 -g 2 -movflags +frag_keyframe fragments-and-index.mp4
ff -f lavfi -i "$corner" -c:v libvpx-vp9 -b:v 20k -flags:v +bitexact plain.webm
ff -i plain.webm -c copy plain.mkv
ff -f lavfi -i "$corner,setsar=3/2" -c:v libvpx -b:v 20k -flags:v +bitexact wide-pixels.webm
# As by a browser: no duration, and nothing states its size.
ff -i plain.webm -c copy -live 1 live.webm

for type in jpg png gif webp; do
  ff -f lavfi -i "$corner" -frames:v 1 -flags:v +bitexact plain.$type
done
ff -f lavfi -i "$corner" -frames:v 1 -lossless 1 -flags:v +bitexact lossless.webp
ff -f lavfi -i "$corner" -flags:v +bitexact moving.gif

# Exif orientation 6: to be turned clockwise by 90 degrees. ffmpeg writes none.
python3 - <<'PY'
import struct, zlib
from pathlib import Path

exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
segment = b"Exif\0\0" + exif
plain = Path("plain.jpg").read_bytes()
Path("exif-6.jpg").write_bytes(
    plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
)
plain = Path("plain.png").read_bytes()
chunk = b"eXIf" + exif
Path("exif-6.png").write_bytes(
    plain[:33] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[33:]
)
plain = Path("plain.webp").read_bytes()
size = (159).to_bytes(3, "little") + (95).to_bytes(3, "little")
chunks = b"VP8X" + struct.pack("<II", 10, 8) + size + plain[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif
Path("exif-6.webp").write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks)
PY

# What a copy that stopped half way leaves.
head -c 1500 plain.mp4 > half.mp4
