#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Train the digit model of this directory on MNIST, or check the weights that are here.

usage: train.py [--out FILE]           train and write FILE (default: mnist.safetensors)
       train.py --check [FILE]         print FILE's accuracy on the 10 000 test digits
       train.py --time                 print how long a training step takes, write nothing

The number of epochs and every other setting is fixed below, before any digit is seen. 5 000 of the
60 000 training digits are held out to watch progress; the test digits are read once, after the
weights are written.

Activations are kept as [row, image, column, channel]. In that order the k shifted views that a
k x k convolution needs are contiguous once the columns have been expanded, so a convolution is k
matrix products and only a k-fold copy (a plain im2col copies k * k-fold).
"""

import argparse
import gzip
import json
import math
import os
import struct
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH = os.path.join(HERE, "..", "..", "tests", "data", "fetch_mnist.py")
WEIGHTS = os.path.join(HERE, "mnist.safetensors")

SEED = 20261122
EPOCHS = 14
BATCH = 128
HELD_OUT = 5000
LEARNING_RATE = 2e-3
WARM_UP_STEPS = 100
WEIGHT_DECAY = 1e-2
# Numerics rule N3: smaller magnitudes are zero to every kernel, so the file says zero as well.
TINY = np.float32(2.0**-48)

# name, [out, in, kernel rows, kernel columns] or [out, in]
LAYERS = (
    ("stem.conv", (16, 1, 5, 5)),
    ("a.conv1", (48, 16, 3, 3)),
    ("a.conv2", (64, 48, 3, 3)),
    ("a.fc", (64, 576)),
    ("b.conv1", (32, 16, 5, 5)),
    ("b.conv2", (64, 32, 3, 3)),
    ("b.fc", (64, 576)),
    ("head", (10, 128)),
)


# ---- data ----------------------------------------------------------------------------------------


def load_digits():
    """The digits as (train images, train labels, test images, test labels); images are bytes."""
    folder = subprocess.run([sys.executable, FETCH], stdout=subprocess.PIPE, check=True,
                            universal_newlines=True).stdout.strip()

    def content(name):
        with gzip.open(os.path.join(folder, name + ".gz"), "rb") as f:
            return np.frombuffer(f.read(), np.uint8)

    # The fetcher has verified headers and hashes: the payload starts at 16 (images) or 8 (labels).
    return (content("train-images-idx3-ubyte")[16:].reshape(-1, 28, 28),
            content("train-labels-idx1-ubyte")[8:],
            content("t10k-images-idx3-ubyte")[16:].reshape(-1, 28, 28),
            content("t10k-labels-idx1-ubyte")[8:])


def to_input(images):
    """Bytes [N, 28, 28] to activations [28, N, 28, 1], pixel = byte * (1/255)."""
    pixels = images.astype(np.float32) * np.float32(1.0 / 255.0)
    return np.ascontiguousarray(pixels.transpose(1, 0, 2))[..., None]


def augment(images, rng):
    """Each digit under its own small affine map, some with harder edges, as a drawn digit has."""
    n = len(images)
    angle, shear = rng.uniform(-0.2, 0.2, n), rng.uniform(-0.15, 0.15, n)
    scale_x, scale_y = rng.uniform(0.88, 1.14, n), rng.uniform(0.88, 1.14, n)
    cos, sin = np.cos(angle), np.sin(angle)
    # Output pixel to source pixel, both relative to the centre of the image.
    xx, xy = cos * scale_x, (shear - sin) * scale_y
    yx, yy = sin * scale_x, (cos + shear * sin) * scale_y
    shift = rng.uniform(-1.8, 1.8, (2, n, 1))
    v, u = np.mgrid[0:28, 0:28].reshape(2, 1, 784) - 13.5
    x = (xx[:, None] * u + xy[:, None] * v + shift[0] + 13.5).astype(np.float32)
    y = (yx[:, None] * u + yy[:, None] * v + shift[1] + 13.5).astype(np.float32)

    # One ring of zeros around the image answers every sample that falls outside of it.
    padded = np.zeros((n, 30, 30), np.float32)
    padded[:, 1:29, 1:29] = images
    x, y = np.clip(x + 1, 0, 28.999), np.clip(y + 1, 0, 28.999)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    x, y = x - x0, y - y0
    at = np.arange(n, dtype=np.int32)[:, None] * 900 + y0 * 30 + x0
    flat = padded.reshape(-1)
    top = flat[at] * (1 - x) + flat[at + 1] * x
    low = flat[at + 30] * (1 - x) + flat[at + 31] * x
    out = top + (low - top) * y

    gain = np.where(rng.random(n) < 0.25, rng.uniform(1.5, 4.0, n), 1.0).astype(np.float32)
    out = np.where(gain[:, None] > 1, (out - 127.5) * gain[:, None] + 127.5, out)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8).reshape(n, 28, 28)


# ---- the network: each layer returns its output and the function that takes gradients back -------


def slabs(x, k):
    """The matrices [row * image * column, taps] whose products with the weights sum to the conv."""
    rows, n, cols, chans = x.shape
    pad = k // 2
    wide = np.zeros((rows + 2 * pad, n, cols, k, chans), np.float32)
    for j in range(k):
        lo, hi = max(0, pad - j), min(cols, cols + pad - j)
        wide[pad:pad + rows, :, lo:hi, j] = x[:, :, lo + j - pad:hi + j - pad]
    wide = wide.reshape(rows + 2 * pad, n, cols, k * chans)
    if chans == 1:  # k products over k taps each would be too thin to be fast
        return [np.concatenate([wide[i:i + rows] for i in range(k)], axis=3)
                .reshape(rows * n * cols, k * k)]
    return [wide[i:i + rows].reshape(rows * n * cols, k * chans) for i in range(k)]


def products(mats, taps):
    """Sum of mats[i] @ taps[i]; taps is [k, k, in, out] and is cut to fit the matrices."""
    taps = taps.reshape(len(mats), -1, taps.shape[3])
    out = mats[0] @ taps[0]
    for m, t in zip(mats[1:], taps[1:]):
        out += m @ t
    return out


def conv(net, grad, name, x, need_dx=True):
    """Same-size convolution with bias."""
    w = net[name + ".weight"]
    c_out, c_in, k, _ = w.shape
    mats = slabs(x, k)
    y = products(mats, np.ascontiguousarray(w.transpose(2, 3, 1, 0)))
    y += net[name + ".bias"]

    def back(dy):
        flat = dy.reshape(-1, c_out)
        dw = np.stack([m.T @ flat for m in mats]).reshape(k, k, c_in, c_out)
        grad[name + ".weight"][...] = dw.transpose(3, 2, 0, 1)
        grad[name + ".bias"][...] = flat.sum(axis=0)
        if not need_dx:
            return None
        turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1))
        return products(slabs(dy, k), turned).reshape(x.shape)

    return y.reshape(x.shape[:3] + (c_out,)), back


def relu_pool(x):
    """relu, then 2 x 2 maximum; an odd last row or column is dropped. Ties go to the first."""
    rows, _, cols, _ = x.shape
    r, c = rows // 2 * 2, cols // 2 * 2
    x00, x01 = x[0:r:2, :, 0:c:2], x[0:r:2, :, 1:c:2]
    x10, x11 = x[1:r:2, :, 0:c:2], x[1:r:2, :, 1:c:2]
    top, low = np.maximum(x00, x01), np.maximum(x10, x11)
    y = np.maximum(np.maximum(top, low), np.float32(0))

    def back(dy):
        dy = dy * (y > 0)
        d_top = dy * (top >= low)
        d_low = dy - d_top
        left_top, left_low = d_top * (x00 >= x01), d_low * (x10 >= x11)
        dx = np.zeros_like(x)
        dx[0:r:2, :, 0:c:2] = left_top
        dx[0:r:2, :, 1:c:2] = d_top - left_top
        dx[1:r:2, :, 0:c:2] = left_low
        dx[1:r:2, :, 1:c:2] = d_low - left_low
        return dx

    return y, back


def linear(net, grad, name, x):
    """x [N, in] to [N, out]."""
    w = net[name + ".weight"]

    def back(dy):
        grad[name + ".weight"][...] = dy.T @ x
        grad[name + ".bias"][...] = dy.sum(axis=0)
        return dy @ w

    return x @ w.T + net[name + ".bias"], back


def branch(net, grad, name, x):
    """conv, pool, conv, pool, flatten in the order channel, row, column, fc, relu."""
    y1, back1 = conv(net, grad, name + ".conv1", x)
    p1, back_p1 = relu_pool(y1)
    y2, back2 = conv(net, grad, name + ".conv2", p1)
    p2, back_p2 = relu_pool(y2)
    rows, n, cols, chans = p2.shape
    y3, back3 = linear(net, grad, name + ".fc",
                       np.ascontiguousarray(p2.transpose(1, 3, 0, 2)).reshape(n, -1))

    def back(dy):
        flat = back3(dy * (y3 > 0)).reshape(n, chans, rows, cols)
        d_p2 = np.ascontiguousarray(flat.transpose(2, 0, 3, 1))
        return back1(back_p1(back2(back_p2(d_p2))))

    return np.maximum(y3, np.float32(0)), back


def forward(net, grad, x):
    """Activations [28, N, 28, 1] to logits [N, 10]."""
    y, back_conv = conv(net, grad, "stem.conv", x, need_dx=False)
    stem, back_pool = relu_pool(y)
    a, back_a = branch(net, grad, "a", stem)
    b, back_b = branch(net, grad, "b", stem)
    logits, back_head = linear(net, grad, "head", np.concatenate([a, b], axis=1))

    def back(dy):
        joined = back_head(dy)
        back_conv(back_pool(back_a(joined[:, :64]) + back_b(joined[:, 64:])))

    return logits, back


def loss_gradient(logits, labels):
    """Mean cross-entropy of softmax(logits), and its gradient by the logits."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float(-np.log(np.maximum(p[rows, labels], 1e-12)).mean())
    p[rows, labels] -= 1
    return loss, p / np.float32(len(labels))


def correct(net, images, labels):
    """How many of the images have their largest logit at their label."""
    right = 0
    for at in range(0, len(images), 250):
        logits, _ = forward(net, {}, to_input(images[at:at + 250]))
        right += int((logits.argmax(axis=1) == labels[at:at + 250]).sum())
    return right


# ---- the file ------------------------------------------------------------------------------------


def shapes():
    """{tensor name: shape}, sorted by name."""
    found = {}
    for name, shape in LAYERS:
        found[name + ".weight"] = shape
        found[name + ".bias"] = shape[:1]
    return dict(sorted(found.items()))


def write_safetensors(path, net):
    """u64 little-endian header length, JSON header, then the tensors in order of their names."""
    header, blob = {}, b""
    for name, shape in shapes().items():
        w = np.where(np.abs(net[name]) < TINY, np.float32(0), net[name])
        data = w.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape),
                        "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + blob)
    os.replace(path + ".part", path)


def read_safetensors(path):
    """The tensors of path, which must be exactly those of this model."""
    with open(path, "rb") as f:
        raw = f.read()
    size = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or size > len(raw) - 8:
        raise ValueError("%s: not a safetensors file" % path)
    header, blob = json.loads(raw[8:8 + size].decode("utf-8")), raw[8 + size:]
    if set(header) - {"__metadata__"} != set(shapes()):
        raise ValueError("%s: not the tensors of this model" % path)
    net = {}
    for name, shape in shapes().items():
        entry = header[name]
        if entry["dtype"] != "F32" or tuple(entry["shape"]) != shape:
            raise ValueError("%s: %s is not F32 %s" % (path, name, list(shape)))
        begin, end = entry["data_offsets"]
        if not 0 <= begin <= end <= len(blob) or end - begin != 4 * int(np.prod(shape)):
            raise ValueError("%s: %s does not lie inside the file" % (path, name))
        net[name] = np.frombuffer(blob[begin:end], "<f4").astype(np.float32).reshape(shape)
    return net


# ---- training ------------------------------------------------------------------------------------


def fresh(rng):
    """A network over one flat vector, and the same views over a vector of gradients."""
    total = sum(int(np.prod(s)) for s in shapes().values())
    flat, flat_grad = np.zeros(total, np.float32), np.zeros(total, np.float32)
    decay = np.zeros(total, np.float32)
    net, grad, at = {}, {}, 0
    for name, shape in shapes().items():
        end = at + int(np.prod(shape))
        net[name], grad[name] = flat[at:end].reshape(shape), flat_grad[at:end].reshape(shape)
        if len(shape) > 1:
            net[name][...] = rng.normal(0, math.sqrt(2.0 / np.prod(shape[1:])), shape)
            decay[at:end] = WEIGHT_DECAY
        at = end
    return net, grad, flat, flat_grad, decay


def learning_rate(step, steps):
    """Linear warm-up, then half a cosine down to zero."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return LEARNING_RATE * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(digits, epochs, max_steps=None):
    """The trained network; prints one line per epoch."""
    rng = np.random.default_rng(SEED)
    images, labels = digits[0], digits[1]
    order = rng.permutation(len(images))
    held, kept = order[:HELD_OUT], order[HELD_OUT:]
    net, grad, flat, flat_grad, decay = fresh(rng)
    mean, square = np.zeros_like(flat), np.zeros_like(flat)
    per_epoch = len(kept) // BATCH
    steps, step, began = epochs * per_epoch, 0, time.monotonic()
    for epoch in range(epochs):
        rng.shuffle(kept)
        losses = 0.0
        for at in range(0, per_epoch * BATCH, BATCH):
            pick = kept[at:at + BATCH]
            logits, back = forward(net, grad, to_input(augment(images[pick], rng)))
            loss, d_logits = loss_gradient(logits, labels[pick])
            back(d_logits)
            losses += loss
            # Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019).
            mean += np.float32(0.1) * (flat_grad - mean)
            square += np.float32(0.001) * (flat_grad * flat_grad - square)
            rate = learning_rate(step, steps)
            step += 1
            root = np.sqrt(square / np.float32(1 - 0.999**step)) + np.float32(1e-8)
            flat -= np.float32(rate) * (mean / np.float32(1 - 0.9**step) / root + decay * flat)
            if step == max_steps:
                return net
        right = correct(net, images[held], labels[held])
        print("epoch %2d  loss %.4f  held-out %d of %d  %4.0f s" %
              (epoch + 1, losses / per_epoch, right, HELD_OUT, time.monotonic() - began),
              flush=True)
    return net


def check(path, digits):
    """Print what the weights in path reach on the test digits."""
    right = correct(read_safetensors(path), digits[2], digits[3])
    total = len(digits[3])
    print("%s: %d of %d test digits right, %.2f %%" %
          (os.path.basename(path), right, total, 100.0 * right / total))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=WEIGHTS, metavar="FILE")
    parser.add_argument("--check", nargs="?", const=WEIGHTS, metavar="FILE")
    parser.add_argument("--time", action="store_true")
    args = parser.parse_args()
    try:
        digits = load_digits()
        if args.check:
            check(args.check, digits)
        elif args.time:
            began = time.monotonic()
            train(digits, 1, max_steps=20)
            print("%.0f ms per step of %d digits" % ((time.monotonic() - began) * 50, BATCH))
        else:
            write_safetensors(args.out, train(digits, EPOCHS))
            check(args.out, digits)
    except (OSError, ValueError, subprocess.CalledProcessError) as e:
        print("train: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
