#!/usr/bin/env python3
"""Writes where the weights of a raw store lie, as text that decode.c reads with fscanf: describe.py STORE

The first line holds the model's shape; then one line per matrix or vector, in the order of evaluation:
    name layout bits group levels min offset  outputs inputs  codes stride  groups stride  supers stride
where codes, groups and supers are file offsets. A bundle becomes two lines, its rows and its channels.
Format of the store: docs/store-format.md.
"""
import json
import mmap
import struct
import sys

CODES = {"4": (4, 32), "5": (5, 40), "6": (6, 48), "8": (8, 64), "f16": (16, 128), "bf16": (17, 128), "f32": (32, 256)}


def need(truth, what):
    if not truth:
        sys.exit(f"{sys.argv[1]}: {what}")


def padded(count, unit=64):
    return (count + unit - 1) // unit * unit


class Form:
    def __init__(self, stored):
        self.bits, self.unit_bytes = CODES[stored["code"]]
        self.group, self.levels = stored.get("group", 0), stored.get("levels", 0)
        self.kinds, self.offset = 2 if stored.get("min") else 1, stored.get("offset", 0)

    def text(self):
        return f"{self.bits} {self.group} {self.levels} {self.kinds - 1} {self.offset}"

    def channel_stride(self, outputs):
        return padded(padded(outputs) // 64 * self.unit_bytes, 16)

    def row_stride(self, columns):
        scales = 0
        if self.levels == 1:
            scales = padded(columns) // self.group * 2
        elif self.levels == 2:
            scales = padded(columns) // self.group + padded(columns, 256) // 256 * 2
        return padded(padded(columns) // 64 * self.unit_bytes + scales * self.kinds, 16)

    def planes(self, outputs, inputs):
        """Strides of a group and of a super group, and the bytes of all groups and of all super groups."""
        if self.levels == 0:
            return 0, 0, 0, 0
        group = padded(outputs) * (2 if self.levels == 1 else 1) * self.kinds
        super_ = padded(outputs) * 2 * self.kinds if self.levels == 2 else 0
        return group, super_, -(-inputs // self.group) * group, padded(inputs, 256) // 256 * super_


class Store:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        need(self.bytes[:8] == b"CHESSWT1" and self.number("<I", 8) == 1, "no store of format 1; import it again")
        need(self.number("<Q", 16) == len(self.bytes), "the file is cut short; import it again")
        at, length = self.number("<Q", 24), self.number("<Q", 32)
        self.metadata = json.loads(self.bytes[at : at + length])
        self.tensors = {tensor["name"]: tensor for tensor in self.metadata["tensors"]}
        self.index = self.number("<Q", 56)

    def number(self, kind, at):
        return struct.unpack_from(kind, self.bytes, at)[0]

    def segment(self, number, length, name):
        """The offset of a segment, which must be raw and exactly as long as its tensor calls for."""
        at = self.index + 16 + 48 * number
        need(self.bytes[at + 37] == 0, f"{name} is compressed; import it with --compression none")
        need(self.number("<Q", at + 16) == length, f"{name} has {self.number('<Q', at + 16)} bytes, not {length}")
        return self.number("<Q", at)


def channels_line(store, tensor, name, form, outputs, inputs, codes, stride):
    group, super_, groups_length, supers_length = form.planes(outputs, inputs)
    groups = store.segment(tensor["planes"], groups_length + supers_length, name) if group else 0
    supers = groups + groups_length if super_ else 0
    return f"{name} channels {form.text()} {outputs} {inputs} {codes} {stride} {groups} {group} {supers} {super_}"


def lines(store, name):
    tensor = store.tensors[name]
    layout, dimensions = tensor["layout"], tensor["dimensions"]
    if layout == "vector":
        at = store.segment(tensor["elements"], dimensions[0] * 4, name)
        yield f"{name} vector 32 0 0 0 0 {dimensions[0]} 1 {at} 4 0 0 0 0"
        return
    form = Form(tensor["form"])
    if layout == "rows":
        rows, columns = dimensions
        stride = form.row_stride(columns)
        at = store.segment(tensor["elements"], rows * stride, name)
        yield f"{name} rows {form.text()} {rows} {columns} {at} {stride} 0 0 0 0"
    elif layout == "channels":
        outputs, inputs = dimensions
        stride = form.channel_stride(outputs)
        at = store.segment(tensor["elements"], inputs * stride, name)
        yield channels_line(store, tensor, name, form, outputs, inputs, at, stride)
    else:
        inputs, hidden, outputs = dimensions
        down, up_bytes = Form(tensor["downForm"]), form.row_stride(inputs)
        stride = up_bytes + down.channel_stride(outputs)
        at = store.segment(tensor["elements"], hidden * stride, name)
        yield f"{name}_up rows {form.text()} {hidden} {inputs} {at} {stride} 0 0 0 0"
        yield channels_line(store, tensor, f"{name}_down", down, outputs, hidden, at + up_bytes, stride)


def main():
    store = Store(sys.argv[1])
    model = store.metadata["model"]
    rope = model["rope"]
    # decode.c knows the plain llama architecture only; anything more would be left out in silence.
    plain = model["architecture"] == "llama" and model["activation"] == "silu" and "none" in rope["scaling"]
    extra = [name for name in store.tensors if name.endswith(".bias") or name == "rope_freqs"]
    need(plain and not extra and rope["style"] == "interleaved", "not a plain llama model, which is all decode.c knows")
    shape = [model[key] for key in ("layers", "embedding", "feedForward", "heads", "keyValueHeads", "headDimension")]
    print(*shape, model["vocabulary"], rope["dimension"], rope["base"], model["rmsEpsilon"])
    names = ["token_embd"]
    for layer in range(model["layers"]):
        parts = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn")
        names += [f"blk.{layer}.{part}" for part in parts]
    for name in names + ["output_norm", "output" if "output" in store.tensors else "token_embd"]:
        for line in lines(store, name):
            print(line)


main()
