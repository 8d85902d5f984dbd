"""A number as a varint: seven bits a byte, the lowest first, the eighth bit where more follow (unsigned LEB128).

Protobuf, Kafka's compact types and ClickHouse's Native form all write lengths like this. Python's ints, one at a time: kernels that write many numbers
have their own, over arrays. Reading is left to each format, which has its own limits and its own words for what is broken.
"""


def varint(value: int) -> bytes:
    """Of a number that isn't negative; a negative one, which has no such form, is a ValueError."""
    if value < 0:
        raise ValueError(f"{value} is negative")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
