/* The load as an extension of freeDiameterd: it answers it or makes it; see nfs/cli/_bench/stacks/freediameter.py.
 *
 * Environment: BENCH_FOLDER with the messages; BENCH_WINDOW, BENCH_SECONDS, BENCH_WARM and BENCH_SETTLE for a client, none for a
 * server.  A client prints BEGIN, STOP and END as nfs/cli/_bench/programs/said.py says. */
#include <freeDiameter/extension.h>
#include "load.h"
#include <pthread.h>
#include <time.h>

static const char *const IN_ANSWER[] = {"Session-Id", "Result-Code", "Origin-Host", "Origin-Realm", NULL};
static struct template asked, answered;
static struct dict_object *session_id, *result_code;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int window;
static double seconds, warm_s, settle_s, begin_at, end_at;
static float *times;
static long timed, room, bad, octets;
static unsigned next = 1000;
struct sent { double at; unsigned number; };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- server */

static int on_request(struct msg **message, struct avp *avp, struct session *session, void *data, enum disp_action *action) {
    (void)avp, (void)session, (void)data;
    CHECK_FCT(fd_msg_new_answer_from_req(fd_g_config->cnf_dict, message, 0));
    CHECK_FCT(fd_msg_rescode_set(*message, "DIAMETER_SUCCESS", NULL, NULL, 1)); /* and the origin */
    add(&answered, *message, IN_ANSWER, 0);
    CHECK_FCT(fd_msg_send(message, NULL, NULL));
    *action = DISP_ACT_CONT;
    return 0;
}

/* ---- client */

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float share(double part) {
    long at = timed * part;
    return times[at < timed ? at : timed - 1];
}

static void finish(double at) {
    char rest[16];
    printf("\nSTOP\n");
    fflush(stdout);
    qsort(times, timed, sizeof *times, by_size);
    printf("END count=%ld wall=%.6f bad=%ld lost=0 p50=%.1f p99=%.1f p999=%.1f max=%.1f octets=%ld\n", timed, at - begin_at, bad,
           share(.5), share(.99), share(.999), share(1), octets);
    fflush(stdout);
    while (read(0, rest, sizeof rest) > 0) continue; /* until its input ends: its CPU clock is still to be read */
    _exit(0);
}

static int as_it_should_be(struct msg *answer, const struct sent *sent) {
    struct avp *session, *result;
    struct avp_hdr *name, *code;
    char digits[16];
    if (fd_msg_search_avp(answer, session_id, &session) || !session || fd_msg_search_avp(answer, result_code, &result) || !result) return 0;
    if (fd_msg_avp_hdr(session, &name) || fd_msg_avp_hdr(result, &code)) return 0;
    snprintf(digits, sizeof digits, "%010u", sent->number);
    unsigned char *at = memchr(name->avp_value->os.data, ';', name->avp_value->os.len);
    return at && !memcmp(at + 1, digits, SESSION_DIGITS) && code->avp_value->u32 == 2001;
}

static void on_answer(void *data, struct msg **message);

static void ask(void) {
    struct msg *message;
    struct msg_hdr *head;
    struct sent *sent = malloc(sizeof *sent);
    must(fd_msg_new(asked.model, MSGFL_ALLOC_ETEID, &message), "message");
    fd_msg_hdr(message, &head);
    head->msg_flags = asked.flags;
    head->msg_appl = asked.application;
    *sent = (struct sent){now(), __sync_add_and_fetch(&next, 1)};
    add(&asked, message, NULL, sent->number);
    must(fd_msg_send(&message, on_answer, sent), "send");
}

static void on_answer(void *data, struct msg **message) {
    struct sent *sent = data;
    struct msg_hdr *head;
    double at = now();
    int right = as_it_should_be(*message, sent);
    fd_msg_hdr(*message, &head);
    pthread_mutex_lock(&lock);
    octets = head->msg_length;
    bad += !right;
    if (begin_at) {
        if (timed == room) times = realloc(times, (room = room ? room * 2 : 1 << 20) * sizeof *times);
        times[timed++] = (at - sent->at) * 1e6;
        if (at >= end_at) finish(at);
    } else if (at >= end_at) {
        begin_at = at, end_at = at + seconds;
        printf("\nBEGIN\n");
        fflush(stdout);
    }
    pthread_mutex_unlock(&lock);
    fd_msg_free(*message);
    *message = NULL;
    free(sent);
    ask();
}

static void *client(void *unused) {
    static char host[] = "server.example.net";
    struct peer_hdr *peer = NULL;
    for (double until = now() + 30; now() < until; usleep(20000))
        if (!fd_peer_getbyid(host, sizeof host - 1, 0, &peer) && peer && fd_peer_get_state(peer) == STATE_OPEN) break;
    usleep(settle_s * 1e6);
    end_at = now() + warm_s;
    for (int i = 0; i < window; i++) ask();
    return unused;
}

static int entry(char *unused) {
    struct dictionary *d = fd_g_config->cnf_dict;
    struct dict_object *application, *vendor;
    application_id_t id = APPLICATION;
    vendor_id_t whose = VENDOR;
    const char *folder = getenv("BENCH_FOLDER"), *many = getenv("BENCH_WINDOW");
    (void)unused;
    read_template(&asked, folder, "request");
    read_template(&answered, folder, "answer");
    define(&asked, d);
    define(&answered, d);
    CHECK_FCT(fd_dict_search(d, DICT_AVP, AVP_BY_NAME, "Session-Id", &session_id, ENOENT));
    CHECK_FCT(fd_dict_search(d, DICT_AVP, AVP_BY_NAME, "Result-Code", &result_code, ENOENT));
    CHECK_FCT(fd_dict_search(d, DICT_APPLICATION, APPLICATION_BY_ID, &id, &application, ENOENT));
    CHECK_FCT(fd_dict_search(d, DICT_VENDOR, VENDOR_BY_ID, &whose, &vendor, ENOENT));
    CHECK_FCT(fd_disp_app_support(application, vendor, 1, 0));
    if (!many) {
        struct disp_when when = {.app = application, .command = asked.model};
        struct disp_hdl *handle;
        return fd_disp_register(on_request, DISP_HOW_CC, &when, NULL, &handle);
    }
    pthread_t thread;
    window = atoi(many);
    seconds = atof(getenv("BENCH_SECONDS"));
    warm_s = atof(getenv("BENCH_WARM"));
    settle_s = atof(getenv("BENCH_SETTLE"));
    return pthread_create(&thread, NULL, client, NULL);
}

EXTENSION_ENTRY("bench", entry);

void fd_ext_fini(void) {}
