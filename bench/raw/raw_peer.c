/* The least that can hold up the other end of a Diameter link over TCP: prepared octets, no codec, so that what is
 * measured is the stack on the other side.  `mtc bench` compiles and starts it:
 *
 *   raw_peer server PORT FOLDER [session|avp]        session, avp: spoil each answer in this way, for a proof
 *   raw_peer client PORT FOLDER WINDOW SECONDS WARM SETTLE RATE
 *   raw_peer idle PORT FOLDER PEERS                  PEERS links, each with a name; "OPEN n" once they are open
 *
 * FOLDER holds request.bin, answer.bin, cer.bin, cea.bin and dwa.bin.  RATE 0: a fixed window.  Else requests become
 * due at random (Poisson) so many a second whatever was answered, and their time counts from when they were due.
 * A client prints BEGIN, STOP and END, see nfs/cli/_bench/programs/said.py.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAPABILITIES = 257, WATCHDOG = 280, DISCONNECT = 282, UPDATE = 316, SESSION_ID = 263, RESULT_CODE = 268 };
enum { SLOTS = 1 << 20, DIGITS = 10, DRAIN_S = 3 };

struct octets { int size; uint8_t at[4096]; };
struct slot { uint32_t id; int measured; double due; };

static struct octets request, answer, cer, cea, dwa;
static uint8_t in[1 << 20], out[1 << 21];
static int have, queued;
static struct slot slots[SLOTS];
static float *times;
static long timed, room, bad, lost, counted, answer_octets;

static uint32_t get(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static void put(uint8_t *p, uint32_t v) { p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v; }
static int size_of(const uint8_t *m) { return get(m) & 0xffffff; }
static int command_of(const uint8_t *m) { return get(m + 4) & 0xffffff; }
static int is_request(const uint8_t *m) { return m[4] & 0x80; }

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "raw_peer: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void load(const char *folder, const char *name, struct octets *into) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.bin", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    into->size = fread(into->at, 1, sizeof into->at, file);
    fclose(file);
}

/* Where the number of a session stands in its Session-Id, the first AVP; NULL when that is not one of ours. */
static uint8_t *digits_of(uint8_t *m) {
    if (size_of(m) < 100 || get(m + 20) != SESSION_ID) return NULL;
    uint8_t *semicolon = memchr(m + 28, ';', 48);
    return semicolon ? semicolon + 1 : NULL;
}

static uint32_t result_of(const uint8_t *m) {
    int size = size_of(m);
    for (int at = 20; at + 12 <= size;) {
        int length = get(m + at + 4) & 0xffffff;
        if (get(m + at) == RESULT_CODE) return get(m + at + 8);
        if (length < 8) break;
        at += (length + 3) & ~3;
    }
    return 0;
}

static void flush_to(int fd) {
    for (int done = 0; done < queued;) {
        int n = write(fd, out + done, queued - done);
        if (n <= 0) exit(0);
        done += n;
    }
    queued = 0;
}

static uint8_t *queue(const struct octets *what) {
    uint8_t *at = out + queued;
    memcpy(at, what->at, what->size);
    queued += what->size;
    return at;
}

/* Answers what the peer layer of the other side asks. */
static void answer_base(const uint8_t *m) {
    uint8_t *at = queue(command_of(m) == CAPABILITIES ? &cea : &dwa);
    put(at + 4, command_of(m));
    memcpy(at + 12, m + 12, 8);
}

static int fill(int fd) {
    int n = read(fd, in + have, sizeof in - have);
    if (n > 0) have += n;
    return n > 0;
}

static int whole(int at) { return have - at >= 20 && have - at >= size_of(in + at); }

static void used(int upto) {
    memmove(in, in + upto, have - upto);
    have -= upto;
}

/* ---- server */

static void answer_request(uint8_t *m, const char *spoil, int relayed) {
    uint8_t *asked = digits_of(m), *at = queue(&answer);
    if (!asked || (relayed ? size_of(m) < request.size : size_of(m) != request.size)) fail("a request is not the load's");
    memcpy(at + 12, m + 12, 8);
    memcpy(digits_of(at), asked, DIGITS);
    if (!spoil) return;
    if (!strcmp(spoil, "session")) digits_of(at)[0] ^= 1;
    if (!strcmp(spoil, "avp")) {
        static const uint8_t unknown[8] = {0, 0, 0xfd, 0xe8, 0x40, 0, 0, 8};
        memcpy(out + queued, unknown, 8);
        queued += 8;
        put(at, get(at) + 8);
    }
}

static void serve(int fd, const char *spoil, int relayed) {
    have = queued = 0;
    while (fill(fd)) {
        int at = 0;
        for (; whole(at); at += size_of(in + at)) {
            if (queued > (1 << 20)) flush_to(fd);
            if (!is_request(in + at)) continue;
            if (command_of(in + at) == UPDATE) answer_request(in + at, spoil, relayed);
            else answer_base(in + at);
        }
        used(at);
        flush_to(fd);
    }
}

static _Noreturn void server(int port, const char *how) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, relayed = how && !strcmp(how, "relayed");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 8)) fail("cannot listen");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(fd, relayed ? NULL : how, relayed);
        close(fd);
    }
}

/* ---- client */

static int dial(int port) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (void *)&there, sizeof there)) fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void open_link(int fd) {
    queue(&cer);
    flush_to(fd);
    while (!whole(0))
        if (!fill(fd)) fail("closed on our CER");
    if (result_of(in) != 2001) fail("our CER was refused");
    used(size_of(in));
}

static void ask(uint32_t id, double due, int measured) {
    struct slot *slot = &slots[id % SLOTS];
    if (slot->id) lost++; /* a million later, and still no answer */
    *slot = (struct slot){id, measured, due};
    uint8_t *at = queue(&request);
    char digits[DIGITS + 1];
    put(at + 12, id);
    put(at + 16, id);
    snprintf(digits, sizeof digits, "%010u", id);
    memcpy(digits_of(at), digits, DIGITS);
}

static void keep(double seconds) {
    if (timed == room) {
        room = room ? room * 2 : 1 << 20;
        if (!(times = realloc(times, room * sizeof *times))) fail("no memory");
    }
    times[timed++] = seconds * 1e6;
}

/* One answer: 1 when it belongs to a request of ours. */
static int take(uint8_t *m, double at) {
    uint32_t id = get(m + 12);
    struct slot *slot = &slots[id % SLOTS];
    uint8_t *digits = digits_of(m);
    char wanted[DIGITS + 1];
    if (!id || slot->id != id) {
        bad++;
        return 0;
    }
    snprintf(wanted, sizeof wanted, "%010u", id);
    if (get(m + 16) != id || !digits || memcmp(digits, wanted, DIGITS) || result_of(m) != 2001 || m[4] & 0x20) bad++;
    if (slot->measured) keep(at - slot->due);
    slot->id = 0;
    answer_octets = size_of(m);
    return 1;
}

static double random_gap(double rate) {
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return -log(((state >> 11) + 1) / 9007199254740993.0) / rate;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float share(double part) {
    long at = timed * part;
    return timed ? times[at < timed ? at : timed - 1] : 0;
}

static void wait_until(int fd, double due) {
    double left = due - now();
    if (left < 0) left = 0;
    struct timespec t = {(time_t)left, (left - (time_t)left) * 1e9};
    struct pollfd one = {fd, POLLIN, 0};
    if (ppoll(&one, 1, &t, NULL) > 0 && !fill(fd)) fail("closed under load");
}

/* What has come: answers of requests are counted, the peer layer's requests answered.  Returns the former. */
static int take_all(double at) {
    int from = 0, answers = 0;
    for (; whole(from); from += size_of(in + from)) {
        if (is_request(in + from)) answer_base(in + from);
        else if (command_of(in + from) == UPDATE) answers += take(in + from, at);
    }
    used(from);
    return answers;
}

static void settle(int fd, double seconds) {
    for (double end = now() + seconds; now() < end; flush_to(fd)) {
        wait_until(fd, end);
        take_all(now());
    }
}

static long outstanding(double at) {
    long left = 0;
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].id && slots[i].measured) {
            if (at) keep(at - slots[i].due);
            left++;
        }
    return left;
}

static int client(int port, int window, double seconds, double warm, double settle_s, double rate) {
    int fd = dial(port), begun = 0;
    uint32_t next = 1000;
    open_link(fd);
    prctl(PR_SET_TIMERSLACK, 1000);
    settle(fd, settle_s);
    double start = now(), t = start, begin = start + warm, due = start;
    for (int i = 0; !rate && i < window; i++) ask(next++, t, 0);
    for (;;) {
        flush_to(fd);
        wait_until(fd, rate ? due : t + 10);
        t = now();
        int answers = take_all(t);
        if (!begun && t >= begin) {
            begun = 1, begin = t, timed = counted = 0;
            printf("BEGIN\n"), fflush(stdout);
        } else if (begun) counted += answers;
        if (begun && t - begin >= seconds) break;
        if (rate)
            for (; due <= t; due += random_gap(rate)) ask(next++, due, begun && due >= begin);
        else
            while (answers--) ask(next++, t, begun);
    }
    double wall = t - begin;
    printf("STOP\n"), fflush(stdout);
    for (double end = now() + DRAIN_S; outstanding(0) && now() < end;) {
        flush_to(fd);
        wait_until(fd, now() + 0.1);
        take_all(now());
    }
    lost += outstanding(now());
    qsort(times, timed, sizeof *times, by_size);
    printf("END count=%ld wall=%.6f bad=%ld lost=%ld p50=%.1f p99=%.1f p999=%.1f max=%.1f octets=%ld\n", counted, wall,
           bad, lost, share(.5), share(.99), share(.999), share(1), answer_octets);
    fflush(stdout);
    while (read(0, in, sizeof in) > 0) continue; /* until its input ends: its CPU clock is still to be read */
    return 0;
}

/* ---- many that do nothing */

static _Noreturn void idle(int port, int peers) {
    int poll_fd = epoll_create1(0);
    uint8_t *name = memmem(cer.at, cer.size, "client.", 7);
    if (!name) fail("the CER has no name of the load's");
    for (int i = 0; i < peers; i++) {
        char text[8];
        int fd = dial(port);
        snprintf(text, sizeof text, "c%05d", i % 100000);
        memcpy(name, text, 6);
        have = queued = 0;
        open_link(fd);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    printf("OPEN %d\n", peers), fflush(stdout);
    for (;;) {
        struct epoll_event event;
        if (epoll_wait(poll_fd, &event, 1, -1) < 1) continue;
        have = queued = 0;
        if (!fill(event.data.fd)) fail("a link was closed");
        for (int at = 0; whole(at); at += size_of(in + at))
            if (is_request(in + at)) answer_base(in + at);
        flush_to(event.data.fd);
    }
}

int main(int count, char **words) {
    if (count < 4) fail("see the head of its source");
    int port = atoi(words[2]);
    const char *names[] = {"request", "answer", "cer", "cea", "dwa"};
    struct octets *all[] = {&request, &answer, &cer, &cea, &dwa};
    for (int i = 0; i < 5; i++) load(words[3], names[i], all[i]);
    if (!strcmp(words[1], "server")) server(port, count > 4 ? words[4] : NULL);
    if (!strcmp(words[1], "idle") && count > 4) idle(port, atoi(words[4]));
    if (!strcmp(words[1], "client") && count > 8)
        return client(port, atoi(words[4]), atof(words[5]), atof(words[6]), atof(words[7]), atof(words[8]));
    fail("see the head of its source");
}
