// SPDX-License-Identifier: MIT
/* hello.o is this file, compiled by Debian's clang 14 with
     clang-14 -target bpf -mcpu=v2 -O2 -fno-builtin -c hello.c -o hello.o
   It holds one of each thing that the linker must handle: calls of the runtime, a call that the
   compiler resolved, a call that it left open, a string, and a table of functions called through
   pointers. */
typedef unsigned long long u64;

extern void sol_log_(const char *text, u64 n);
extern u64 sol_log_64_(u64 a, u64 b, u64 c, u64 d, u64 e);

static const char message[] = "hello from C";

static u64 triple(u64 x)
{
    return x * 3;
}

static u64 flip(u64 x)
{
    return x ^ 7;
}

static u64 (*const table[2])(u64) = {triple, flip};

__attribute__((noinline)) static u64 resolved(u64 x)
{
    return sol_log_64_(x, x, 0, 0, 0) + x;
}

__attribute__((noinline)) u64 open_call(u64 x)
{
    return sol_log_64_(x, x, 1, 0, 0) + x;
}

u64 entrypoint(const unsigned char *input)
{
    sol_log_(message, sizeof message - 1);
    u64 accounts = *(const u64 *)input;
    return resolved(accounts) + open_call(accounts) + table[accounts & 1](accounts) == 12345;
}
