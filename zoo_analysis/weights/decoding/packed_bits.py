"""Small integers out of the words they are packed in, and the values they stand for."""

import torch


def unpacked(words: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """The integers of `bits` bits that lie in `words` without gaps, the lowest bits first.

    Element k begins at bit k·bits of its row, and may begin in one word and end in the next.

    Args:
        words: (…, words), int32, little endian.
        bits: of an integer, 1 to 8.
        count: integers a row.

    Returns:
        (…, count), uint8.
    """
    mask = (1 << bits) - 1
    if 8 % bits == 0:
        octets = words.contiguous().view(torch.uint8)
        parts = [(octets >> shift) & mask for shift in range(0, 8, bits)]
        return torch.stack(parts, dim=-1).flatten(-2)[..., :count]
    padding = -words.shape[-1] % bits
    padded = torch.nn.functional.pad(words, (0, padding))
    groups = padded.reshape(*words.shape[:-1], -1, bits)
    values = torch.empty((*groups.shape[:-1], 32), dtype=torch.uint8)
    for element in range(32):
        word, shift = divmod(element * bits, 32)
        value = groups[..., word] >> shift  # arithmetic: what comes in above is masked
        held = 32 - shift
        if held < bits:
            value = (value & ((1 << held) - 1)) | (groups[..., word + 1] << held)
        values[..., element] = (value & mask).to(torch.uint8)
    return values.flatten(-2)[..., :count]


def looked_up(octets: torch.Tensor, table: torch.Tensor, upper_first: bool) -> torch.Tensor:
    """The values that codes of 4 bits, two a byte, stand for.

    Args:
        octets: (…, n), uint8.
        table: (16,), of values.
        upper_first: whether the first of two codes is the upper half of its byte.

    Returns:
        (…, 2n), of the table's type.
    """
    octet = torch.arange(256)
    upper, lower = table[octet >> 4], table[octet & 15]
    pairs = torch.stack((upper, lower) if upper_first else (lower, upper), dim=-1)
    return pairs[octets.to(torch.int32)].flatten(-2)
