// SPDX-License-Identifier: MIT
/* Network namespaces with slow links between them, for bench_net.py and tests/e2e/pause.sh.

   usage: link_delay MS COUNT

   Makes COUNT (2 to 16) network namespaces, joined by a network 10.77.0.0/24 in which a packet
   between two of them comes MS milliseconds after it was sent: namespace i has the address
   10.77.0.(i + 1). What Linux' netem qdisc does is done here in user space, because many kernels
   are built without it: every namespace has a TUN device (Linux, Documentation/networking/
   tuntap.rst), whose packets wait in a queue until their time has come. Bandwidth is not limited.

   Needs CAP_NET_ADMIN and CAP_SYS_ADMIN, and /dev/net/tun. The namespaces are held by descriptors
   of this process alone: prints "PID FD..." in a line, and a command runs in namespace i with
   nsenter --net=/proc/PID/fd/FD. A line of its standard input is the milliseconds from now on. They
   are gone when this ends: at the end of its standard input, and with its parent. exit status: 0, or 1 when something is refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ENDS_MAX = 16,
    PACKET_MAX = 1600,
    IN_FLIGHT = 1 << 15, /* packets; what comes when so many wait is lost, as in a router */
    AT_ONCE = 64, /* packets of one device before the others have their turn */
    DEVICE_QUEUE = 8192, /* packets */
    MTU = 1500,
};
#define NETWORK 0x0a4d0000u /* 10.77.0.0/24 */

struct packet {
    uint64_t due_ns;
    int to;
    size_t len;
    uint8_t data[PACKET_MAX];
};
static struct {
    struct packet *slot; /* ring of IN_FLIGHT, in the order in which they came, and go */
    size_t head, n;
    uint64_t delay_ns;
    int tun[ENDS_MAX], ns[ENDS_MAX], count;
} links;

static void die(const char *what)
{
    (void)fprintf(stderr, "link_delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- a namespace --------------------------------------------------------------------------------- */

static void address(struct sockaddr *out, uint32_t ip)
{
    const struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(ip)}};

    memcpy(out, &a, sizeof a);
}

static void up(int s, struct ifreq *r)
{
    if (ioctl(s, SIOCGIFFLAGS, r) != 0)
        die(r->ifr_name);
    r->ifr_flags = (short)(r->ifr_flags | IFF_UP | IFF_RUNNING);
    if (ioctl(s, SIOCSIFFLAGS, r) != 0)
        die(r->ifr_name);
}

/* Moves this process into a new namespace with a device of its own. */
static void make_end(int i)
{
    struct ifreq tun = {.ifr_name = "link0"}, lo = {.ifr_name = "lo"};

    if (unshare(CLONE_NEWNET) != 0)
        die("a network namespace");
    links.ns[i] = open("/proc/self/ns/net", O_RDONLY);
    links.tun[i] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (links.ns[i] < 0 || links.tun[i] < 0 || s < 0)
        die("/dev/net/tun");
    tun.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(links.tun[i], TUNSETIFF, &tun) != 0)
        die("a TUN device");
    address(&tun.ifr_addr, NETWORK + (uint32_t)i + 1);
    if (ioctl(s, SIOCSIFADDR, &tun) != 0)
        die("an address");
    address(&tun.ifr_netmask, 0xffffff00u);
    if (ioctl(s, SIOCSIFNETMASK, &tun) != 0)
        die("a netmask");
    tun.ifr_mtu = MTU;
    if (ioctl(s, SIOCSIFMTU, &tun) != 0)
        die("an MTU");
    tun.ifr_qlen = DEVICE_QUEUE;
    if (ioctl(s, SIOCSIFTXQLEN, &tun) != 0)
        die("a queue");
    up(s, &tun);
    up(s, &lo);
    (void)close(s);
}

/* ---- packets ------------------------------------------------------------------------------------- */

/* Whose address a packet of IPv4 is sent to, -1: nobody's. */
static int receiver(const uint8_t *p, size_t len)
{
    if (len < 20 || p[0] >> 4 != 4)
        return -1;
    uint32_t ip = (uint32_t)p[16] << 24 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 8 | p[19];
    uint32_t i = ip - NETWORK - 1;
    return i < (uint32_t)links.count ? (int)i : -1;
}

static void take(int from)
{
    for (int k = 0; k < AT_ONCE; k++) {
        struct packet *p = &links.slot[(links.head + links.n) % IN_FLIGHT], lost;
        if (links.n == IN_FLIGHT)
            p = &lost;
        ssize_t len = read(links.tun[from], p->data, sizeof p->data);
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            die("a TUN device");
        if (len <= 0)
            return;
        p->len = (size_t)len;
        p->to = receiver(p->data, p->len);
        p->due_ns = now_ns() + links.delay_ns;
        links.n += p != &lost && p->to >= 0;
    }
}

/* Hands over what is due; returns the nanoseconds until the next is, UINT64_MAX: none waits. */
static uint64_t give(void)
{
    while (links.n > 0) {
        const struct packet *p = &links.slot[links.head];
        uint64_t now = now_ns();
        if (p->due_ns > now)
            return p->due_ns - now;
        /* A device that takes no more loses the packet, which TCP sends again. */
        if (write(links.tun[p->to], p->data, p->len) < 0 && errno != EAGAIN && errno != ENOBUFS &&
            errno != EIO)
            die("a TUN device");
        links.head = (links.head + 1) % IN_FLIGHT;
        links.n--;
    }
    return UINT64_MAX;
}

/* False: there is no such delay. */
static bool set_delay(const char *text)
{
    char *end;
    double ms = strtod(text, &end);

    if (end == text || !(ms >= 0 && ms <= 10000))
        return false;
    links.delay_ns = (uint64_t)(ms * 1e6);
    return true;
}

/* False: nobody is there any more to say anything. */
static bool obey(void)
{
    char line[32];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    line[n] = 0;
    return set_delay(line);
}

static void serve(void)
{
    struct pollfd p[ENDS_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};

    for (int i = 0; i < links.count; i++)
        p[i + 1] = (struct pollfd){.fd = links.tun[i], .events = POLLIN};
    for (;;) {
        uint64_t wait = give();
        struct timespec t = {.tv_sec = (time_t)(wait / 1000000000u),
                             .tv_nsec = (long)(wait % 1000000000u)};
        if (ppoll(p, (nfds_t)links.count + 1, wait == UINT64_MAX ? NULL : &t, NULL) < 0 &&
            errno != EINTR)
            die("poll");
        if (p[0].revents != 0 && !obey())
            return;
        for (int i = 0; i < links.count; i++)
            if (p[i + 1].revents & POLLIN)
                take(i);
    }
}

int main(int argc, char **argv)
{
    bool delay = argc == 3 && set_delay(argv[1]);

    links.count = argc == 3 ? atoi(argv[2]) : 0;
    if (!delay || links.count < 2 || links.count > ENDS_MAX) {
        (void)fprintf(stderr, "usage: link_delay MS COUNT, of 2 to %d\n", ENDS_MAX);
        return 1;
    }
    links.slot = malloc(IN_FLIGHT * sizeof *links.slot);
    if (!links.slot)
        die("packets in flight");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A late wake-up would be a longer link. */
    (void)prctl(PR_SET_TIMERSLACK, 1000L);
    for (int i = 0; i < links.count; i++)
        make_end(i);
    (void)printf("%d", (int)getpid());
    for (int i = 0; i < links.count; i++)
        (void)printf(" %d", links.ns[i]);
    (void)printf("\n");
    (void)fflush(stdout);
    serve();
    return 0;
}
