"""Unpacks every value of standard input and packs it again to standard output: repack.py [single], for floats of 32 bits."""

import sys

import msgpack

unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, timestamp=0, max_buffer_size=0, ext_hook=msgpack.ExtType)
packer = msgpack.Packer(use_bin_type=True, use_single_float=sys.argv[1:] == ["single"])
unpacker.feed(sys.stdin.buffer.read())
for value in unpacker:
    sys.stdout.buffer.write(packer.pack(value))
